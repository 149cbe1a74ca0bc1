"""What the ledger and the lake hold at the end of a seed, read without a query or a rule of the product."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pyarrow.parquet as pq
from psycopg.rows import dict_row

from faults.world import World

Row = dict[str, Any]


@dataclass(frozen=True)
class Books:
    """Everything that the ledger holds, and the world around it."""

    world: World
    tables: dict[str, list[Row]]
    files: dict[tuple[int, int, str], list[Row]] = field(default_factory=dict)  # what was read of the lake

    @classmethod
    def of(cls, world: World, connection: psycopg.Connection[Any]) -> Books:
        """Read the tables."""
        names = ("campaigns", "occurrences", "waves", "parts", "entries", "attempts", "deferred")
        with connection.cursor(row_factory=dict_row) as cursor:
            tables = {name: cursor.execute(f"SELECT * FROM outcamp.{name}").fetchall() for name in names}
            tables["attempts"] += cursor.execute("SELECT * FROM outcamp.past_attempts").fetchall()
            return cls(world, tables | {"diary": cursor.execute("SELECT * FROM faults.diary ORDER BY page").fetchall()})

    def __getitem__(self, table: str) -> list[Row]:
        return self.tables[table]


def attempts_by_entry(books: Books) -> dict[tuple[int, str], list[Row]]:
    """Return the attempts of each entry."""
    found = defaultdict(list)
    for row in books["attempts"]:
        found[row["occurrence_id"], row["recipient_id"]].append(row)
    return found


def rows_of(books: Books, part: Row) -> list[Row]:
    """Return the rows of a part's file. One that no finished task had to name may still have its pending name, but must be whole."""
    key = part["wave_id"], part["part"], part["step"]
    if key not in books.files:
        books.files[key] = _read(books, part)
    return books.files[key]


def _read(books: Books, part: Row) -> list[Row]:
    dataset = "snapshots" if part["step"] == "snapshot" else "verdicts"
    rows: list[Row] = []
    for file in part["files"]:
        if file["dataset"] == dataset:
            path = books.world.lake / file["path"]
            if not path.exists() and not _is_named(books, part):
                path = next(iter(path.parent.glob(f".{path.stem}.{file['sha256'][:16]}.pending")), path)
            if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == file["sha256"]:
                rows += pq.ParquetFile(path).read().to_pylist()
    return rows


def _is_named(books: Books, part: Row) -> bool:
    """Tell whether a task has ended well that gives this part's file its readable name."""
    wave = next(row for row in books["waves"] if row["wave_id"] == part["wave_id"])
    name = next(row["name"] for row in books["campaigns"] if row["campaign_id"] == wave["campaign_id"])
    task = books.world.runs[name, wave["run"]].tasks.get(("filter", part["part"]))
    # A filter task is there because the snapshot's has ended well.
    return task is not None and (part["step"] == "snapshot" or task.state == "success")
