"""Networks rewritten for searching: the same function and gradient, whatever they look like."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from attack_models import card_of, convolutional, decided, random_images
from test_precision import exported
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import DenseNet

from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.objectives import Untargeted
from medadv_desktop.attacks.precision import fast_network
from medadv_desktop.attacks.precision.fast_network import computes_bfloat16, fast_copy
from medadv_desktop.attacks.precision.growing import grow, with_room
from medadv_desktop.attacks.precision.preactivation import ShiftedReLU
from medadv_desktop.attacks.precision.rewriting import rewritten
from medadv_desktop.jobs import CancelToken, Event, JobCancelled, Message
from medadv_desktop.models.diagnostic import DiagnosticModel


class Layer(nn.Module):
    """Joins what it gets and what it makes of it, as MONAI's and torchxrayvision's do."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.convolution = nn.Conv2d(channels, growth, 3, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        return torch.cat([maps, self.convolution(F.relu(self.norm(maps)))], dim=1)


class Forked(nn.Module):
    """Two continuations of one concatenation, which must not share memory."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.BatchNorm2d(6), nn.BatchNorm2d(18)
        self.left, self.right = nn.Conv2d(6, 3, 1), nn.Conv2d(6, 3, 1)
        self.head = nn.Conv2d(18, 3, 1)

    def forward(self, images: Tensor) -> Tensor:
        both = torch.cat([images, images * 2], 1)
        maps = self.first(both).relu()
        left = torch.cat([both, self.left(maps)], 1)
        right = torch.cat([both, self.right(maps)], 1)
        whole: Tensor = self.head(F.relu(self.last(torch.cat([left, right], 1))))
        return whole.mean((2, 3))


class InPlace(nn.Module):
    """Changes a concatenation in place once it has been joined to more."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.head = nn.BatchNorm2d(9), nn.Conv2d(9, 3, 1)

    def forward(self, images: Tensor) -> Tensor:
        both = torch.cat([images, images * 2], 1)
        more = torch.cat([both, images], 1)
        both.relu_()
        whole: Tensor = self.head(F.relu(self.norm(more)))
        return whole.mean((2, 3)) + both.mean((1, 2, 3))[:, None]


class Residual(nn.Module):
    """A block that is activated first: two convolutions read one ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.activation = nn.BatchNorm2d(3), nn.ReLU(inplace=True)
        self.wide, self.short = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(3, 4, 1)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.activation(self.norm(images))
        return (self.wide(maps) + self.short(maps)).mean((2, 3))


class AlsoPooled(Residual):
    """Something that is no convolution reads the ReLU, too."""

    def forward(self, images: Tensor) -> Tensor:
        maps = self.activation(self.norm(images))
        return self.wide(maps).mean((2, 3)) + maps.mean((1, 2, 3))[:, None]


def grouped() -> nn.Module:
    return nn.Sequential(nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 3, 3, groups=3))


def pooled(**pool: object) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.AvgPool2d(**pool), nn.Conv2d(4, 3, 2))


def dense(**fields: object) -> nn.Module:
    sizes = {"growth_rate": 4, "block_config": (3, 2), "num_init_features": 8, "bn_size": 2}
    return DenseNet(**sizes, num_classes=3, **fields)


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "DenseNet": dense,
    "DenseNet that cannot be traced": lambda: dense(memory_efficient=True),
    "joined in layers": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 1), Layer(4, 2), Layer(6, 2), Layer(8, 2), nn.BatchNorm2d(10), nn.ReLU(),
        nn.Conv2d(10, 3, 1),
    ),
    "forked": Forked,
    "in place": InPlace,
    "residual": Residual,
    "also pooled": AlsoPooled,
    "grouped": grouped,
    "pooled": lambda: pooled(kernel_size=2),
    "pooled over padding": lambda: pooled(kernel_size=2, padding=1),
    "pooled beyond the end": lambda: pooled(kernel_size=3, ceil_mode=True),
    "pooled by another divisor": lambda: pooled(kernel_size=2, divisor_override=3),
}  # fmt: skip


def made(kind: str = "DenseNet") -> nn.Module:
    """In float64, with norms that do something: slopes of both signs, and one of zero."""
    draw = torch.Generator().manual_seed(3)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = NETWORKS[kind]()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.data.uniform_(-1, 2, generator=draw)[0] = 0
            module.bias.data.normal_(generator=draw)
            module.running_mean.normal_(generator=draw)
            module.running_var.uniform_(0.5, 2, generator=draw)
    return network.double().eval().requires_grad_(False)


def answers(network: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs, and the gradient of the sum of their squares."""
    images = images.clone().requires_grad_()
    outputs = network(images)
    return outputs.detach(), torch.autograd.grad(outputs.square().sum(), images)[0]


def count(network: nn.Module, kind: type[nn.Module]) -> int:
    return sum(isinstance(module, kind) for module in network.modules())


def concatenations(network: nn.Module) -> int:
    assert isinstance(network, torch.fx.GraphModule)
    return sum(node.target is torch.cat for node in network.graph.nodes)


@pytest.mark.parametrize("kind", NETWORKS)
def test_that_a_rewritten_network_says_the_same(kind: str) -> None:
    network = made(kind)
    images = large_images()
    quick = rewritten(copy.deepcopy(network))
    with torch.no_grad():
        outputs = quick(images)
    expected, slopes = answers(network, images)
    torch.testing.assert_close(outputs, expected, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(answers(quick, images), (expected, slopes), rtol=1e-9, atol=1e-12)


def test_that_a_densenet_copies_nothing_for_its_layers_and_keeps_one_norm() -> None:
    quick = rewritten(made())
    assert count(quick, nn.BatchNorm2d) == 1  # the last: no convolution comes after it
    assert count(quick, ShiftedReLU) == 6  # one for each layer, one between the blocks
    assert concatenations(quick) == 0


@pytest.mark.parametrize("kind", ["forked", "in place"])
def test_that_concatenations_stay_where_memory_cannot_be_shared(kind: str) -> None:
    before = concatenations(torch.fx.symbolic_trace(made(kind)))
    assert concatenations(rewritten(made(kind))) == before


@pytest.mark.parametrize("kind", ["also pooled", "grouped"])
def test_that_a_norm_stays_where_something_else_reads_it(kind: str) -> None:
    assert count(rewritten(made(kind)), ShiftedReLU) == 0


def test_that_a_convolution_works_on_averages_where_only_they_are_read() -> None:
    def patches(network: nn.Module) -> list[int]:
        seen: list[int] = []
        network.get_submodule("0").register_forward_pre_hook(
            lambda _module, inputs: seen.append(inputs[0].shape[-1])
        )
        network(torch.zeros(1, 3, 8, 8, dtype=torch.float64))
        return seen

    assert patches(rewritten(made("pooled"))) == [4]
    assert patches(rewritten(made("pooled over padding"))) == [8]


def test_that_growing_is_joining_with_its_gradient() -> None:
    draw = torch.Generator().manual_seed(1)
    sizes = [(2, channels, 3, 3) for channels in (2, 1, 3)]
    parts = [torch.rand(s, generator=draw).double().requires_grad_() for s in sizes]

    def grown(first: Tensor, second: Tensor, third: Tensor) -> tuple[Tensor, ...]:
        one = with_room(first, 6)
        two = grow(one, second)
        three = grow(two, third)
        return one * 2, two.square(), three.square()

    joined = torch.cat(parts, 1)
    found = grown(*parts)
    assert torch.equal(found[0], parts[0] * 2)
    assert torch.equal(found[1], joined[:, :3].square())
    assert torch.equal(found[2], joined.square())
    assert torch.autograd.gradcheck(grown, parts)


def test_that_a_kept_graph_is_pulled_back_several_times() -> None:
    network = made()
    images = large_images().requires_grad_()
    outputs = rewritten(copy.deepcopy(network))(images)
    for k in range(3):
        (row,) = torch.autograd.grad(outputs[:, k].sum(), images, retain_graph=True)
        (expected,) = torch.autograd.grad(network(images)[:, k].sum(), images)
        torch.testing.assert_close(row, expected, rtol=1e-9, atol=1e-12)


def test_that_features_in_bfloat16_grow_in_bfloat16() -> None:
    network = made().float()
    images = large_images().float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs, slopes = answers(rewritten(copy.deepcopy(network)), images)
    expected, exact = answers(network, images)
    torch.testing.assert_close(outputs.float(), expected, rtol=0.1, atol=0.05)
    assert F.cosine_similarity(slopes.flatten(), exact.flatten(), dim=0) > 0.95


def test_that_making_a_copy_heeds_a_cancel_and_keeps_no_half_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, images, token = convolutional(3, dtype=torch.float32), images_of(), CancelToken()

    def cancelled_meanwhile(network: nn.Module) -> nn.Module:
        token.cancel()
        return rewritten(network)

    with monkeypatch.context() as patched:
        patched.setattr(fast_network, "rewritten", cancelled_meanwhile)
        with pytest.raises(JobCancelled):
            fast_copy(model, images, token)
    assert fast_copy(model, images) is not model


def test_that_an_exported_program_is_searched_as_it_is_and_says_so() -> None:
    network = nn.Sequential(nn.Conv2d(3, 3, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model, images = DiagnosticModel(exported(network), card_of(3)).eval(), images_of()
    told: list[Event] = []
    labels = decided(model, images)
    PGD(steps=1).run(model, images, labels, Untargeted(), precision="float32", emit=told.append)
    assert [e.text for e in told if isinstance(e, Message) and "no faster copy" in e.text]
    told.clear()
    PGD(steps=1).run(model, images, labels, Untargeted(), precision="exact", emit=told.append)
    assert not [e for e in told if isinstance(e, Message) and "no faster copy" in e.text]


@pytest.mark.parametrize("has_matrices", [True, False])
def test_that_only_hardware_for_matrices_makes_bfloat16_worth_while(
    monkeypatch: pytest.MonkeyPatch, *, has_matrices: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: has_matrices)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    assert computes_bfloat16(torch.device("cpu")) == has_matrices


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_that_a_rewritten_network_says_the_same_on_a_gpu() -> None:
    network = made().cuda()
    images = large_images().cuda()
    quick = rewritten(copy.deepcopy(network)).to(memory_format=torch.channels_last)
    torch.testing.assert_close(answers(quick, images), answers(network, images))


def images_of() -> Tensor:
    return random_images(2, dtype=torch.float32)


def large_images() -> Tensor:
    return torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1)).double()
