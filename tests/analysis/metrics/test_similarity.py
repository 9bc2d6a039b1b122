"""SSIM and PSNR against scikit-image."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from medadv_desktop.analysis.metrics.similarity import psnr, ssim


def pair(shape: tuple[int, ...], noise: float, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    first = torch.rand(shape, generator=generator)
    # Smooth, as images are: there variances are small differences of large numbers.
    first = torch.nn.functional.avg_pool2d(first, 5, 1, 2)
    second = (first + noise * torch.randn(shape, generator=generator)).clamp(0, 1)
    return first, second


@pytest.mark.parametrize("noise", [0.004, 0.05, 0.5])
@pytest.mark.parametrize("shape", [(3, 3, 32, 40), (2, 1, 11, 64)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_that_similarity_is_that_of_scikit_image(
    shape: tuple[int, ...], noise: float, dtype: torch.dtype
) -> None:
    first, second = (image.to(dtype) for image in pair(shape, noise))
    expected = [
        structural_similarity(
            a.double().numpy(),
            b.double().numpy(),
            channel_axis=0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=1,
        )
        for a, b in zip(first, second, strict=True)
    ]
    np.testing.assert_allclose(ssim(first, second).numpy(), expected, atol=1e-5)
    expected = [
        peak_signal_noise_ratio(a.double().numpy(), b.double().numpy(), data_range=1)
        for a, b in zip(first, second, strict=True)
    ]
    np.testing.assert_allclose(psnr(first, second).numpy(), expected, rtol=1e-6)


def test_that_half_precision_is_judged_as_what_it_holds() -> None:
    first, second = (image.half() for image in pair((2, 3, 24, 24), 0.02))
    expected = ssim(first.double(), second.double())
    torch.testing.assert_close(ssim(first, second), expected, atol=1e-5, rtol=0)


def test_that_equal_images_are_alike_altogether() -> None:
    first, _ = pair((2, 3, 20, 20), 0)
    assert ssim(first, first).tolist() == pytest.approx([1, 1], abs=1e-6)
    assert psnr(first, first).tolist() == [math.inf, math.inf]


def test_that_neither_batch_nor_order_changes_a_figure() -> None:
    first, second = pair((5, 3, 150, 150), 0.1)
    alone = torch.cat([ssim(first[[i]], second[[i]]) for i in range(5)])
    assert torch.equal(ssim(first, second), alone)
    torch.testing.assert_close(ssim(second, first), alone)


def test_that_an_image_smaller_than_the_window_has_no_similarity() -> None:
    first, second = pair((2, 1, 10, 30), 0.1)
    assert ssim(first, second).isnan().all()
    assert psnr(first, second).isfinite().all()


def test_that_gradients_and_shapes_are_left_alone() -> None:
    first, second = pair((2, 1, 16, 16), 0.1)
    first.requires_grad_()
    assert not ssim(first, second).requires_grad
    assert ssim(first[:0], second[:0]).shape == (0,)
    with pytest.raises(ValueError, match="one shape"):
        psnr(first, second[:1])
    with pytest.raises(ValueError, match="one shape"):
        ssim(first[0], second[0])
