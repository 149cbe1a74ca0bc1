"""A segment sorted into hash buckets with bounded memory: small ones in memory, larger ones by way of one file a bucket."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc

BUCKETS = 64


class BucketSpill:
    """Takes a segment's tables as they come, and hands them out as parts: whole buckets, sorted, of bounded size."""

    def __init__(self, part_rows: int, keys: tuple[str, str, str]) -> None:
        """``keys``: the names of the bucket, recipient and row-number columns, by which a part is sorted."""
        self._part_rows = part_rows
        self._bucket, _, _ = self._keys = keys
        self._held: list[pa.Table] = []
        self._rows = 0
        self._folder: Path | None = None
        self._counts = [0] * BUCKETS
        self._writers: dict[int, pa.ipc.RecordBatchFileWriter] = {}

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
        self._rows += table.num_rows
        if self._rows > self._part_rows:
            self._spill()

    def parts(self) -> Iterator[tuple[int, int, pa.Table]]:
        """Yield (first bucket, last bucket, rows) of each part, in order.

        A segment without rows is one empty part, which has its columns; where no table was added at all, there is no part.
        """
        if self._folder is None:
            if self._held:
                yield 0, BUCKETS - 1, self._sorted(pa.concat_tables(self._held))
            return
        self._spill()
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()
        first, tables, rows = 0, list[pa.Table](), 0
        for bucket in range(BUCKETS):
            if not self._counts[bucket]:
                continue
            if tables and rows + self._counts[bucket] > self._part_rows:
                yield first, bucket - 1, self._sorted(pa.concat_tables(tables))
                first, tables, rows = bucket, [], 0
            tables.append(pa.ipc.open_file(self._path(bucket)).read_all())
            rows += self._counts[bucket]
        yield first, BUCKETS - 1, self._sorted(pa.concat_tables(tables))

    def _spill(self) -> None:
        if not self._held:
            return
        self._folder = self._folder or Path(tempfile.mkdtemp(prefix="outcamp-spill-"))
        table = self._sorted(pa.concat_tables(self._held))
        self._held, self._rows = [], 0
        runs = pc.run_end_encode(table[self._bucket].combine_chunks())
        start = 0
        for bucket, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
            if bucket not in self._writers:
                self._writers[bucket] = pa.ipc.new_file(self._path(bucket), table.schema)
            self._writers[bucket].write_table(table.slice(start, end - start))
            self._counts[bucket] += end - start
            start = end

    def _path(self, bucket: int) -> str:
        return str((self._folder or Path()) / f"{bucket:02d}.arrow")

    def _sorted(self, table: pa.Table) -> pa.Table:
        return table.sort_by([(key, "ascending") for key in self._keys]).combine_chunks()
