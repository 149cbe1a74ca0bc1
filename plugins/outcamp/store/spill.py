"""A segment sorted into hash buckets with bounded memory: small ones in memory, larger ones by way of one file a bucket."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc
from numpy.typing import NDArray

BUCKETS = 64
HELD_BYTES = 128 << 20  # what a segment may take in memory before it is spilled: about a million recipients


class BucketSpill:
    """Takes a segment's tables as they come, and hands them out as parts: whole buckets, sorted, of bounded size."""

    def __init__(self, part_rows: int, bucket: str, recipient: str, held_bytes: int = HELD_BYTES) -> None:
        """``bucket``, ``recipient``: the columns by which a part is sorted; equal rows stay in the order of the segment."""
        self._part_rows = part_rows
        self._bucket, self._recipient = bucket, recipient
        self._held: list[pa.Table] = []
        self._room = held_bytes
        self._folder: Path | None = None
        self._counts = np.zeros(BUCKETS, np.int64)
        self._writers: dict[int, pa.ipc.RecordBatchStreamWriter] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for writer in self._writers.values():
            writer.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def add(self, table: pa.Table) -> None:
        """Take the next rows of the segment."""
        self._held.append(table)
        self._counts += np.bincount(table[self._bucket].to_numpy(), minlength=BUCKETS)
        self._room -= table.nbytes
        if self._room < 0 and self._counts.any():
            self._folder = self._folder or Path(tempfile.mkdtemp(prefix="outcamp-spill-"))
            while self._held:
                self._spill(self._held.pop(0))

    def parts(self) -> Iterator[tuple[int, int, pa.Table]]:
        """Yield (first bucket, last bucket, rows) of each part, in order.

        A segment without rows is one empty part, which has its columns; where no table was added at all, there is no part.
        """
        parts = self._sorted_parts()
        # Whoever takes a part writes it meanwhile, which leaves a processor for the next one.
        with ThreadPoolExecutor(1) as ahead:
            coming = ahead.submit(next, parts, None)
            while part := coming.result():
                coming = ahead.submit(next, parts, None)
                yield part

    def _sorted_parts(self) -> Iterator[tuple[int, int, pa.Table]]:
        parts = bucket_ranges(dict(enumerate(self._counts.tolist())), self._part_rows)
        if self._folder is not None:
            for writer in self._writers.values():
                writer.close()
            for first, last, _ in parts:
                table = self._spilled(first, last)
                yield first, last, table.take(pa.array(self._order(table)))
        elif self._held:
            table = pa.concat_tables(self._held).combine_chunks()
            self._held.clear()
            order, start = self._order(table), 0
            for first, last, rows in parts:
                yield first, last, table.take(pa.array(order[start : start + rows]))
                start += rows

    def _spilled(self, first: int, last: int) -> pa.Table:
        paths = [self._path(bucket) for bucket in range(first, last + 1) if bucket in self._writers]
        return pa.concat_tables([pa.ipc.open_stream(pa.memory_map(path)).read_all() for path in paths]).combine_chunks()

    def _spill(self, table: pa.Table) -> None:
        """Write rows to the files of their buckets, each of which keeps the order of the segment."""
        bucket = table[self._bucket].to_numpy()
        table = table.take(pa.array(np.argsort(bucket, kind="stable")))
        for number, (start, end) in enumerate(pairwise(_ends(bucket))):
            if start == end:
                continue
            if number not in self._writers:
                # A stream, since a file allows a column of categories only one dictionary.
                self._writers[number] = pa.ipc.new_stream(self._path(number), table.schema)
            self._writers[number].write_table(table.slice(start, end - start))

    def _order(self, table: pa.Table) -> NDArray[np.int64]:
        """Return the rows in order of bucket and recipient; one bucket after the other is sorted faster than all at once by both."""
        bucket = table[self._bucket].to_numpy()
        order = np.argsort(bucket, kind="stable")
        ids = table[self._recipient].combine_chunks().take(pa.array(order))
        for start, end in pairwise(_ends(bucket)):
            order[start:end] = order[start:end][pc.array_sort_indices(ids.slice(start, end - start))]
        return order

    def _path(self, bucket: int) -> str:
        return str((self._folder or Path()) / f"{bucket:02d}.arrow")


def bucket_ranges(rows: Mapping[int, int], part_rows: int) -> list[tuple[int, int, int]]:
    """Group neighbouring buckets, of which each has so many rows, into parts: (first bucket, last bucket, rows), each of bounded size."""
    parts: list[tuple[int, int, int]] = []
    first = size = 0
    for bucket in sorted(rows):
        if size and rows[bucket] and size + rows[bucket] > part_rows:
            parts.append((first, bucket - 1, size))
            first, size = bucket, 0
        size += rows[bucket]
    return [*parts, (first, BUCKETS - 1, size)]


def _ends(bucket: NDArray[np.int16]) -> list[int]:
    """Return where each bucket begins in sorted rows, and where the last one ends."""
    return [0, *np.cumsum(np.bincount(bucket, minlength=BUCKETS)).tolist()]
