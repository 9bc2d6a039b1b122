"""Images on their way to the device that computes."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock, call

import pytest
import torch

from medadv_desktop.audit.devices import onto


def test_that_nothing_is_copied_where_the_images_are_already() -> None:
    images = torch.rand(2, 3, 4, 4)
    assert onto(images, torch.device("cpu")) is images


def test_that_a_gpu_reads_pinned_memory_and_nobody_waits() -> None:
    images: Any = Mock(device=torch.device("cpu"))
    onto(images, torch.device("cuda:0"))
    assert images.mock_calls == [
        call.pin_memory(),
        call.pin_memory().to(torch.device("cuda:0"), non_blocking=True),
    ]


def test_that_what_is_on_a_gpu_is_not_pinned() -> None:
    images: Any = Mock(device=torch.device("cuda:0"))
    onto(images, torch.device("cuda:0"))
    assert images.mock_calls == [call.to(torch.device("cuda:0"))]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_that_the_same_numbers_arrive_on_a_gpu() -> None:
    images = torch.rand(8, 3, 64, 64)
    moved = onto(images, torch.device("cuda:0"))
    assert moved.is_cuda
    assert torch.equal(moved.cpu(), images)
