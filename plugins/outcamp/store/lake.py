"""The lake: Parquet datasets that people read, written beside and renamed.

A file is named by what is in it until its ledger row is committed (``.part-00000.<hash>.pending``), and gets its
readable name afterwards. Whoever finds the row can finish the rename; a pending file without a row is nobody's.

In an object store a rename is a copy and a deletion, and each name still stands for a whole file only: a copy replaces what it
replaces at once. A kill before the copy leaves what a kill before the rename leaves; one between copy and deletion leaves the readable
file and a pending one of the same content, and whoever publishes it again copies the same bytes and deletes. Of two at once that publish
one file, both copy the same bytes, and whom the other one overtakes finds the readable name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from outcamp.core.errors import BrokenPromise, DataError
from outcamp.core.places import Place, source_of
from outcamp.store.datasets import SCHEMA_VERSION
from outcamp.store.whole_files import write_whole

# Columns whose values are nearly all distinct, and in no order that a reader could use: looking for repetitions and for the least and
# the greatest costs a third of the time, and a dictionary would only make the file larger.
_HARDLY_REPEATED = frozenset({"recipient_id", "_outcamp_row", "phone", "email", "endpoint"})


@dataclass(frozen=True)
class FileRef:
    """A file of the lake: its dataset, its path below the lake's root, its SHA-256, its rows and row groups."""

    dataset: str
    path: str
    sha256: str
    rows: int
    row_groups: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "row_groups", tuple(self.row_groups))

    def as_dict(self) -> dict[str, Any]:
        """Return plain data that JSON can carry."""
        return asdict(self)


class Lake:
    """Datasets in a folder or below a prefix of an object store, hive-partitioned by ``campaign=`` and ``run=``."""

    def __init__(self, root: Place, *, durable: bool = True, keep_bytes: int = 0) -> None:
        """``durable``: files survive a power cut. ``keep_bytes``: so much of what was read whole is kept; files never change."""
        self.root = root
        self._durable = durable
        self._keep_bytes = keep_bytes
        self._kept: dict[tuple[FileRef, tuple[str, ...]], pa.Table] = {}

    def prepare(self, dataset: str, campaign: str, run: str, part: int, tables: list[pa.Table], *, compression: str = "zstd") -> FileRef:
        """Write a complete file under its pending name, a row group for each table, and return what the ledger must say of it."""
        sink = pa.BufferOutputStream()
        schema = tables[0].schema.with_metadata({"outcamp.schema": f"{dataset}/{SCHEMA_VERSION}"})
        repeated = [name for name in schema.names if name not in _HARDLY_REPEATED]
        with pq.ParquetWriter(sink, schema, compression=compression, use_dictionary=repeated, write_statistics=repeated) as writer:
            for table in tables:
                writer.write_table(table.replace_schema_metadata(schema.metadata), row_group_size=max(table.num_rows, 1))
        data = sink.getvalue()
        ref = FileRef(
            dataset=dataset,
            path=f"{dataset}/campaign={campaign}/run={run}/part-{part:05d}.parquet",
            sha256=hashlib.sha256(data).hexdigest(),
            rows=sum(table.num_rows for table in tables),
            row_groups=tuple(table.num_rows for table in tables),
        )
        write_whole(self._pending(ref), data, durable=self._durable)
        return ref

    def replace(self, dataset: str, campaign: str, run: str, part: int, table: pa.Table, facts: Mapping[str, str]) -> None:
        """Write a file that only shows what the ledger holds, in place of an older one; ``facts`` stand in its metadata."""
        final = self.root / f"{dataset}/campaign={campaign}/run={run}/part-{part:05d}.parquet"
        metadata = {"outcamp.schema": f"{dataset}/{SCHEMA_VERSION}", **{f"outcamp.{key}": value for key, value in facts.items()}}
        sink = pa.BufferOutputStream()
        pq.write_table(table.replace_schema_metadata(metadata), sink, compression="zstd")
        write_whole(final, sink.getvalue(), durable=False)

    def fact(self, dataset: str, campaign: str, run: str, part: int, key: str) -> str | None:
        """Return a fact from the metadata of a file that ``replace`` wrote; None when there is no such file."""
        final = self.root / f"{dataset}/campaign={campaign}/run={run}/part-{part:05d}.parquet"
        if not final.exists():
            return None
        with source_of(final) as source:
            value: bytes = (pq.read_schema(source).metadata or {}).get(f"outcamp.{key}".encode(), b"")
        return value.decode()

    def publish(self, ref: FileRef) -> None:
        """Give a file whose ledger row is committed its readable name; doing it again changes nothing."""
        final, pending = self.root / ref.path, self._pending(ref)
        try:
            pending.replace(final)
        except FileNotFoundError:
            if not final.exists():
                raise BrokenPromise(
                    f"the ledger names {ref.path} (SHA-256 {ref.sha256[:12]}), and the lake does not have it",
                    next_step="restore the lake's folder from its backup; outcamp decides nothing twice",
                ) from None
        for stale in final.parent.glob(f".{final.stem}.*.pending"):  # left by tries that lost
            stale.unlink(missing_ok=True)

    def settle(self, mine: Iterable[FileRef], committed: Iterable[FileRef]) -> None:
        """Publish the files that the ledger names, and remove this try's own where another try's row came first."""
        kept = {(ref.path, ref.sha256) for ref in committed}
        for ref in mine:
            if (ref.path, ref.sha256) not in kept:
                self._pending(ref).unlink(missing_ok=True)
        for ref in committed:
            self.publish(ref)

    def read(self, ref: FileRef, *, row_group: int | None = None, wanted: Collection[str] | None = None) -> pa.Table:
        """Read a published file, or one of its row groups; of the wanted columns those that it has, in its own order."""
        kept = (ref, tuple(sorted(wanted)) if wanted is not None else ())
        if kept in self._kept:
            return self._kept[kept]
        try:
            with source_of(self.root / ref.path) as source, pq.ParquetFile(source) as file:
                columns = None if wanted is None else [name for name in file.schema_arrow.names if name in wanted]
                if row_group is not None:
                    return file.read_row_group(row_group, columns)
                table = file.read(columns)
        except (OSError, pa.ArrowInvalid) as error:
            raise DataError(
                f"{ref.path} cannot be read: {error}", next_step="compare its SHA-256 with the ledger's and restore it"
            ) from error
        if ref.dataset == "snapshots" and table.nbytes <= self._keep_bytes:
            self._kept[kept] = table
            while sum(other.nbytes for other in self._kept.values()) > self._keep_bytes:
                del self._kept[next(iter(self._kept))]
        return table

    def exists(self, ref: FileRef) -> bool:
        """Tell whether a file has its readable name."""
        return (self.root / ref.path).exists()

    def _pending(self, ref: FileRef) -> Place:
        final = self.root / ref.path
        return final.with_name(f".{final.stem}.{ref.sha256[:16]}.pending")
