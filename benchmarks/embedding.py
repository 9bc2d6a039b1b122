"""How long features of 10,000 points take to be laid out in the plane and measured.

python benchmarks/embedding.py [POINTS]
"""

from __future__ import annotations

import sys
import time

import numpy as np

from medadv_desktop.analysis.embedding import EmbeddingSettings, lay_out, separation
from medadv_desktop.analysis.principal import principal


def main(count: int) -> None:
    """Five clouds in 512 dimensions."""
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 5, count)
    centres = 0.6 * rng.normal(size=(5, 512))
    features = (centres[classes] + rng.normal(size=(count, 512))).astype(np.float32)
    began, cpu = time.perf_counter(), time.process_time()

    def told(what: str) -> None:
        nonlocal began, cpu
        now, used = time.perf_counter(), time.process_time()
        print(f"{what:22} {now - began:6.1f} s, {used - cpu:6.1f} s of processor")
        began, cpu = time.perf_counter(), time.process_time()

    axes = principal((features,), 50)
    flat = axes.project(features)
    told("principal components")
    lay_out(flat, EmbeddingSettings(points=max(10, min(count, 20_000))))
    told("t-SNE")
    separation(flat, classes, tuple("abcde"))
    told("figures")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
