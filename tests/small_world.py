"""A small campaign in a real ledger and a real lake, and the steps of a wave, for tests that look between them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa

from drafts import HEAD, campaign
from outcamp.core.manifest import seal_manifest
from outcamp.core.run_key import run_key
from outcamp.steps.engine import Engine
from outcamp.steps.fan_out import fan_out
from outcamp.steps.filter import filter_part
from outcamp.steps.simulation_input import script_of
from outcamp.steps.simulation_wakes import wake_at
from outcamp.steps.snapshot import prepare_wave, snapshot_due, snapshot_occurrence
from outcamp.store.lake import Lake
from outcamp.store.ledger import Ledger
from outcamp.store.waves import BatchRow, PartRow
from outcamp.transports.scripted import ScriptedTransport

NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)  # a Tuesday, 10 o'clock in New York
RUN = run_key(NOW)
ADA, BEN = "+12025550143", "+12125550143"
PEOPLE = [{"recipient_id": "ada", "phone": ADA}, {"recipient_id": "ben", "phone": BEN}]
TABLES = ("campaigns", "occurrences", "waves", "parts", "batches", "entries", "attempts", "past_attempts", "deferred", "suppressions")


class Outbox(ScriptedTransport):
    """The simulator's transport, which also keeps what it was given, chunk by chunk."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.given: list[list[str]] = []

    def submit(self, rows: pa.Table, now: datetime) -> pa.Table:
        """Note the recipients, and let the script go on."""
        self.given.append(rows["recipient_id"].to_pylist())
        return super().submit(rows, now)


@dataclass
class Runs:
    """DAG runs as the engine sees them: those that are alive, and those that it asked for."""

    alive: set[str] = field(default_factory=set)
    made: list[tuple[str, datetime]] = field(default_factory=list)

    def live(self, runs: list[str]) -> set[str]:
        """Return those of the runs that are alive."""
        return self.alive & set(runs)

    def make(self, run: str, at: datetime) -> None:
        """Note that a run was asked for."""
        self.made.append((run, at))


@dataclass
class People:
    """A segment: a list of tables, the same at each occurrence."""

    tables: list[pa.Table]
    left_out: list[str] = field(default_factory=list)

    def read(self, occurrence: int) -> Iterator[pa.Table]:
        """Yield the tables."""
        yield from self.tables

    def excluded(self) -> pa.Array:
        """Return who is left out."""
        return pa.array(self.left_out, pa.string())


@dataclass
class World:
    """One campaign, its segment, its transport and its runs, in one ledger."""

    engine: Engine
    people: People
    outbox: Outbox
    runs: Runs
    uri: str

    def snapshot(self, at: datetime = NOW, now: datetime | None = None, run: str | None = None) -> list[PartRow]:
        """Take the snapshot of the occurrence at this instant."""
        return snapshot_occurrence(self.engine, self.people, run or run_key(at), at, now or at)

    def filtered(self, at: datetime = NOW) -> list[PartRow]:
        """Take the snapshot of an occurrence, and decide every part of it."""
        return [self.decide(part.part, run_key(at), at) for part in self.snapshot(at)]

    def batches(self, at: datetime = NOW) -> list[BatchRow]:
        """Run an occurrence up to its list of batches."""
        self.filtered(at)
        return fan_out(self.engine, run_key(at), at)

    def due(self, at: datetime) -> list[BatchRow]:
        """Run a wave of due attempts up to its list of batches."""
        run = run_key(at, 1)
        prepare_wave(self.engine, run, at)
        for part in snapshot_due(self.engine, run, at, at):
            self.decide(part.part, run, at)
        return fan_out(self.engine, run, at)

    def decide(self, part: int, run: str, now: datetime) -> PartRow:
        """Decide one part, which is there."""
        decided = filter_part(self.engine, run, part, now)
        assert decided is not None
        return decided

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the ledger something, over a connection of its own."""
        with psycopg.connect(self.uri) as connection:
            return connection.execute(query.encode()).fetchall()

    def change(self, statement: str, *values: object) -> None:
        """Change something in the ledger, as another process would."""
        with psycopg.connect(self.uri) as connection:
            connection.execute(statement.encode(), values)

    def attempts(self) -> list[tuple[str, int, str]]:
        """Return each attempt and its state."""
        return self.rows("SELECT recipient_id, attempt, state::text FROM outcamp.attempts ORDER BY 1, 2")

    def exits(self) -> list[tuple[str, str | None]]:
        """Return each entry and the reason of its exit; None: it is open."""
        return self.rows("SELECT recipient_id, exit_reason FROM outcamp.entries ORDER BY recipient_id, occurrence_id")

    def books(self, *tables: str) -> dict[str, list[tuple[Any, ...]]]:
        """Return everything that these tables of the ledger hold; all of them by default."""
        return {table: self.rows(f"SELECT t::text FROM outcamp.{table} t ORDER BY 1") for table in tables or TABLES}


def make_world(
    stack: ExitStack,
    uri: str,
    folder: Path,
    more: str = "",
    head: str = HEAD,
    people: list[dict[str, Any]] | list[pa.Table] = PEOPLE,
    outcomes: list[dict[str, Any]] | None = None,
    published_at: datetime = NOW,
    part_rows: int = 250_000,
) -> World:
    """Migrate the database, and return a campaign in it: the small file with these further lines."""
    settings = campaign(more, head)
    tables = people if not people or isinstance(people[0], pa.Table) else [pa.Table.from_pylist(people)]
    script = script_of(pa.Table.from_pylist(outcomes) if outcomes else None)
    ledger, runs = Ledger.at(uri), Runs()
    stack.callback(ledger.close)
    ledger.migrate()
    outbox = Outbox(script, lambda coming: wake_at(coming, settings))
    engine = Engine(
        manifest=seal_manifest(settings, published_at, {}, {}),
        ledger=ledger,
        lake=Lake(folder, durable=False),
        transports=dict.fromkeys(settings.channels_used, outbox),
        runs=runs,
        wave_interval=timedelta(minutes=1),
        part_rows=part_rows,
    )
    return World(engine, People(tables), outbox, runs, uri)
