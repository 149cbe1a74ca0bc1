"""An external campaign in a real ledger, pushes to it, and the waves that they become."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from drafts import HEAD
from outcamp.segments.pushed_files import PushedRows, read
from outcamp.steps.fan_out import fan_out
from outcamp.steps.heal import heal
from outcamp.steps.push import Answers, push
from outcamp.steps.send import send
from outcamp.steps.snapshot import snapshot_pushed
from small_world import ADA, BEN, NOW, Runs, World, make_world

EXTERNAL = HEAD.replace("{file: people.csv}", "external")
BOTH = [{"recipient_id": "ada", "phone": ADA}, {"recipient_id": "ben", "phone": BEN}]


@dataclass
class Airflow(Runs):
    """DAG runs: occurrences that were asked for once more are queued."""

    repeated: list[tuple[str, datetime]] = field(default_factory=list)

    def again(self, run: str, at: datetime) -> None:
        """Queue an occurrence's run."""
        self.repeated.append((run, at))
        self.alive.add(run)


def external_world(stack: ExitStack, uri: str, folder: Path, more: str = "", **settings: Any) -> World:
    """Return an external campaign with these further lines."""
    world = make_world(stack, uri, folder, more, head=EXTERNAL, **settings)
    world.runs = Airflow()
    world.engine = replace(world.engine, runs=world.runs)
    return world


def rows_of(folder: Path, rows: list[dict[str, Any]], name: str = "push.jsonl", expires_at: datetime | None = None) -> PushedRows:
    """Return rows as they are read from a file of JSON lines."""
    path = folder / name
    path.write_text("".join(json.dumps(row, default=str) + "\n" for row in rows), encoding="utf-8")
    return read(path, (), expires_at)


def pushed(world: World, rows: PushedRows, now: datetime = NOW, token: str = "") -> Answers:
    """Push rows to the campaign."""
    return push(world.engine.ledger, world.engine.lake, world.engine.manifest, rows, now, token)


def beat(world: World, now: datetime) -> list[str]:
    """Let the pulse look at the campaign, and return the runs of pushes that it asked for."""
    assert isinstance(world.runs, Airflow)
    before = len(world.runs.repeated)
    heal(world.engine, now)
    return [run for run, _ in world.runs.repeated[before:]]


def decided(world: World, run: str, now: datetime) -> list[int]:
    """Run the wave of a push up to its list of batches."""
    for part in snapshot_pushed(world.engine, run):
        world.decide(part.part, run, now)
    return [batch.batch for batch in fan_out(world.engine, run, now)]


def played(world: World, run: str, now: datetime) -> None:
    """Run the wave of a push to its sends."""
    for batch in decided(world, run, now):
        send(world.engine, run, batch, lambda: now)
    assert isinstance(world.runs, Airflow)
    world.runs.alive.discard(run)


def verdicts(world: World) -> list[tuple[Any, ...]]:
    """Return the funnel of every decided part, wave by wave."""
    return [
        tuple(map(tuple, funnel))
        for (funnel,) in world.rows("SELECT funnel FROM outcamp.parts WHERE step = 'filter' ORDER BY wave_id, part")
    ]
