"""How soon a cancel takes effect in the middle of a batch: ``python -m benchmarks.cancel``.

A DenseNet-121 with random weights runs forward and backward on the CPU; another thread cancels at
twelve moments spread over the pass. Also prints what watching costs, as a ratio of medians.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import threading
import time

import torch
import torchvision

from medadv_desktop.jobs import CancelToken, JobCancelled
from medadv_desktop.models.watch import watched

MOMENTS = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--runs", type=int, default=5, help="passes for the cost of watching")
    options = parser.parse_args()
    torch.manual_seed(0)
    network = torchvision.models.densenet121(weights=None).eval()
    images = torch.rand(options.batch, 3, 224, 224)
    one_pass(network, images)  # the first takes longer
    whole = timed(network, images, contextlib.nullcontext())
    latencies = [latency(network, images, whole * (k + 0.5) / MOMENTS) for k in range(MOMENTS)]
    known = [1000 * seconds for seconds in latencies if seconds is not None]
    print(f"one pass of batch {options.batch}: {whole:.2f} s on {torch.get_num_threads()} threads")
    print(
        f"cancel to stop, {len(known)} times: median {statistics.median(known):.0f} ms, "
        f"longest {max(known):.0f} ms"
    )
    plain, watching = [], []
    for _ in range(options.runs):
        plain.append(timed(network, images[:2], contextlib.nullcontext()))
        watching.append(timed(network, images[:2], watched(network, CancelToken())))
    ratio = statistics.median(watching) / statistics.median(plain)
    print(f"time watched over time not watched, batch 2: {ratio:.2f}")


def one_pass(network: torch.nn.Module, images: torch.Tensor) -> None:
    images = images.clone().requires_grad_()
    torch.autograd.grad(network(images).logsumexp(1).sum(), images)


def timed(
    network: torch.nn.Module, images: torch.Tensor, context: contextlib.AbstractContextManager
) -> float:
    with context:
        began = time.perf_counter()
        one_pass(network, images)
        return time.perf_counter() - began


def latency(network: torch.nn.Module, images: torch.Tensor, after: float) -> float | None:
    """Seconds from the cancel to the stop; None if the pass was over before."""
    token, asked = CancelToken(), [0.0]

    def stop() -> None:
        asked[0] = time.perf_counter()
        token.cancel()

    timer = threading.Timer(after, stop)
    try:
        with watched(network, token):
            timer.start()
            one_pass(network, images)
    except JobCancelled:
        return time.perf_counter() - asked[0]
    finally:
        timer.cancel()
    return None


if __name__ == "__main__":
    main()
