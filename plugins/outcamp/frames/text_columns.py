"""Text columns as the plain arrays that Arrow keeps them in: one run of UTF-8 bytes, and where each value starts and ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from outcamp.core.errors import DataError

TextColumn: TypeAlias = pa.Array | pa.ChunkedArray

# Whoever works on the bytes needs several integers a byte: blocks keep that inside the processor's cache.
BLOCK_ROWS = 8_192


@dataclass(frozen=True)
class TextBlock:
    """Some consecutive rows of a text column: row ``i`` is ``data[starts[i]:ends[i]]``."""

    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    valid: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.starts)


def as_text(column: TextColumn, name: str) -> pa.Array:
    """Return the column as one string or large_string array; ``name`` begins the error about a column that is not text."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    kind = array.type.value_type if pa.types.is_dictionary(array.type) else array.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_null(kind)):
        raise DataError(f"{name} holds {kind}; it must hold text.", next_step="Cast it to text in the segment's SQL or file.")
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        return array
    return array.cast(pa.large_string())


def text_blocks(text: pa.Array) -> Iterator[TextBlock]:
    """Yield the array's rows, in order, as blocks that share its memory."""
    for first in range(0, len(text), BLOCK_ROWS):
        yield _block(text.slice(first, BLOCK_ROWS))


def _block(text: pa.Array) -> TextBlock:
    width = np.int64 if pa.types.is_large_string(text.type) else np.int32
    _, offset_buffer, data_buffer = text.buffers()
    offsets = np.frombuffer(offset_buffer, dtype=width)[text.offset : text.offset + len(text) + 1].astype(np.int64)
    data = np.frombuffer(data_buffer, dtype=np.uint8) if data_buffer is not None else np.empty(0, dtype=np.uint8)
    valid = np.ones(len(text), dtype=bool) if text.null_count == 0 else text.is_valid().to_numpy(zero_copy_only=False)
    first, last = offsets[0], offsets[-1]
    return TextBlock(data[first:last], offsets[:-1] - first, offsets[1:] - first, valid)
