"""A hash of ids that is ours, and the same for ever: it decides buckets, parts and holdouts, so stored data depends on it.

The hash of a text is the polynomial ``sum((byte[i] + 1) * MULTIPLIER**i)`` over its UTF-8 bytes, scrambled by the SplitMix64
finaliser, all modulo 2**64. Nothing here may ever change: a recipient would move to another bucket, or out of a holdout.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from outcamp.frames.text_columns import TextBlock, TextColumn, as_text, text_blocks

BUCKETS = 64

MULTIPLIER = np.uint64(0x9FB21C651E98DF25)
# An odd number has an inverse modulo 2**64; see _polynomials.
INVERSE = np.uint64(pow(int(MULTIPLIER), -1, 2**64))


def hash_column(values: TextColumn, salt: str = "") -> NDArray[np.uint64]:
    """Return one 64-bit hash for each value; 0 for null. Another salt gives an unrelated hash of the same value."""
    text = as_text(values, "The column to hash")
    polynomials = [_polynomials(block) for block in text_blocks(text)]
    hashes = _scramble(np.concatenate(polynomials)) if polynomials else np.empty(0, dtype=np.uint64)
    if salt:
        hashes = _scramble(hashes ^ hash_column(pa.array([salt]))[0])
    if text.null_count:
        hashes[text.is_null().to_numpy(zero_copy_only=False)] = 0
    return hashes


def buckets(values: TextColumn) -> NDArray[np.int16]:
    """Return the bucket of each value, 0 to 63: the first six bits of its hash."""
    return (hash_column(values) >> np.uint64(58)).astype(np.int16)


def _polynomials(block: TextBlock) -> NDArray[np.uint64]:
    # The whole block is summed up as if it were one long text, so that each value is a difference of two running sums. A value
    # that starts at byte s then carries the factor MULTIPLIER**s, which INVERSE**s takes away again, exactly.
    size = len(block.data)
    table_size = 1 << size.bit_length()
    terms = block.data.astype(np.uint64)
    terms += np.uint64(1)
    terms *= _powers(MULTIPLIER, table_size)[:size]
    running = np.zeros(size + 1, dtype=np.uint64)
    np.cumsum(terms, out=running[1:])
    return (running[block.ends] - running[block.starts]) * _powers(INVERSE, table_size)[block.starts]


@lru_cache(maxsize=8)
def _powers(base: np.uint64, count: int) -> NDArray[np.uint64]:
    factors = np.full(count, base, dtype=np.uint64)
    factors[0] = 1
    return np.cumprod(factors, dtype=np.uint64)


def _scramble(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
