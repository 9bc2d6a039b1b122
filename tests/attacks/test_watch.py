"""A cancel takes effect inside a batch, forward and backward, and leaves the network usable."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from medadv_desktop.jobs import CancelToken, JobCancelled
from medadv_desktop.models.watch import watched

LAYERS = 20


def deep() -> nn.Sequential:
    """Like torchvision's networks: in-place activations behind batch norms."""
    layers: list[nn.Module] = []
    for _ in range(LAYERS):
        block = (nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True))
        layers.append(nn.Sequential(*block))
    return nn.Sequential(*layers).eval()


def gradient(network: nn.Module, images: Tensor) -> Tensor:
    images = images.clone().requires_grad_()
    (result,) = torch.autograd.grad(network(images).sum(), images)
    return result


def record(network: nn.Module, ran: list[str]) -> None:
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):

            def forward(*_: object, name: str = name) -> None:
                ran.append(f"forward {name}")

            module.register_forward_hook(forward)


def test_that_a_cancel_in_the_forward_pass_stops_before_the_next_layer() -> None:
    network, token, ran = deep(), CancelToken(), []
    record(network, ran)
    network[7][0].register_forward_hook(lambda *_: token.cancel())
    with pytest.raises(JobCancelled), watched(network, token):
        network(torch.rand(2, 4, 8, 8))
    assert ran == [f"forward {i}.0" for i in range(8)]


class Passage(nn.Module):
    """Hands its input on; tells when the gradient comes back."""

    def __init__(self, back: object) -> None:
        super().__init__()
        self.back = back

    def forward(self, images: Tensor) -> Tensor:
        result = images * 1
        if result.requires_grad:
            result.register_hook(self.back)
        return result


def test_that_a_cancel_in_the_backward_pass_stops_before_the_layer_behind() -> None:
    token, came = CancelToken(), []

    def passing(i: int) -> Passage:
        def back(_: Tensor) -> None:
            came.append(i)
            if i == 12:
                token.cancel()

        return Passage(back)

    blocks = [nn.Sequential(passing(i), layer) for i, layer in enumerate(deep())]
    network = nn.Sequential(*blocks).eval()
    with pytest.raises(JobCancelled), watched(network, token):
        gradient(network, torch.rand(2, 4, 8, 8))
    assert came == list(range(LAYERS - 1, 11, -1))


def test_that_a_network_works_as_before_after_a_cancel() -> None:
    network, token = deep(), CancelToken()
    images = torch.rand(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    expected = gradient(network, images)
    with watched(network, token):
        assert torch.equal(gradient(network, images), expected)
        token.cancel()
        with pytest.raises(JobCancelled):
            gradient(network, images)
    assert torch.equal(gradient(network, images), expected)
    for module in network.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks


def test_that_a_graph_made_under_watch_outlives_it() -> None:
    network, token = deep(), CancelToken()
    images = torch.rand(1, 4, 8, 8).requires_grad_()
    with watched(network, token):
        total = network(images).sum()
    token.cancel()
    (slope,) = torch.autograd.grad(total, images)
    assert slope.isfinite().all()


def test_that_modules_returning_several_tensors_are_watched_backwards() -> None:
    class Two(nn.Module):
        def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
            return images * 2, images * 3

    token = CancelToken()
    images = torch.rand(2, 3).requires_grad_()
    network = Two()
    with watched(network, token):
        one, other = network(images)
        token.cancel()
        with pytest.raises(JobCancelled):
            torch.autograd.grad((one + other).sum(), images)
