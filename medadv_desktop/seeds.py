"""Seeds of single samples: the same in whatever batch, order, or on whatever machine it comes."""

from __future__ import annotations

from hashlib import blake2b


def sample_seed(seed: int, sample_id: int, *parts: int | str) -> int:
    """A seed of 64 bits for one purpose of one sample, named by `parts`."""
    words = "/".join(str(part) for part in (seed, sample_id, *parts))
    return int.from_bytes(blake2b(words.encode(), digest_size=8).digest(), "big")
