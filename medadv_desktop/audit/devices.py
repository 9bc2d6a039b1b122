"""The device that computes, in code and in words, and the versions of what computes."""

from __future__ import annotations

import os
from importlib.metadata import version

import torch

from medadv_desktop import __version__
from medadv_desktop.errors import DeviceError


def choose_device(name: str) -> torch.device:
    """ "auto", "cpu" or "cuda:N" as a device that exists.

    Raises:
        DeviceError: no such device.
    """
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    kind, _, index = name.partition(":")
    count = torch.cuda.device_count()
    choices = ", ".join(device_names())
    if name == "cpu":
        return torch.device("cpu")
    if kind == "cuda" and (index or "0").isdecimal():
        if int(index or 0) < count:
            return torch.device(f"cuda:{int(index or 0)}")
        raise DeviceError(
            "there is no such GPU here" if count else "no CUDA GPU is available here",
            subject=name,
            remedy=f"Choose one of: {choices}",
        )
    raise DeviceError("is not a device", subject=name, remedy=f"Choose one of: {choices}")


def device_names() -> tuple[str, ...]:
    """What `choose_device` takes on this machine."""
    return ("auto", "cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count())))


def device_title(device: torch.device) -> str:
    """The device in words: the GPU's name, or the CPU and its threads."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return f"CPU, {torch.get_num_threads()} of {os.cpu_count()} threads"


def onto(images: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A tensor on a device; to a GPU from pinned memory, beside what it is working on.

    As torch orders work, whatever uses the result on the device waits for it.
    """
    if device.type == "cuda" and images.device.type == "cpu":
        return images.pin_memory().to(device, non_blocking=True)
    return images.to(device)


def versions() -> tuple[tuple[str, str], ...]:
    """Name and version of what a result depends on."""
    names = ("torchvision", "numpy", "pydicom")
    ours = (("medadv-desktop", __version__), ("torch", str(torch.__version__)))
    return ours + tuple((name, version(name)) for name in names)
