"""The driver of one seed: a stretch in which everything goes wrong, then a quiet one in which everything must come to rest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import psycopg

from faults.airflow import Task
from faults.chaos import Chaos, to_its_end
from faults.invariants import violations
from faults.operations import LakePath
from faults.wires import Wires
from faults.world import World, empty

REST = 100  # events by which everything must have come to rest


@dataclass(frozen=True)
class Report:
    """What a seed found, and what happened on the way."""

    violations: list[str]
    trace: list[str]


def replay(seed: str) -> str:
    """Return the line that runs one seed again."""
    return f"OUTCAMP_SEED={seed} .venv/bin/pytest tests/test_faults.py -k replay"


def run_seed(seed: str, wires: Wires, lake: Path) -> Report:
    """Run one seed from an empty ledger and an empty lake, and check the promise."""
    wires.empty()
    empty(lake)
    chaos = Chaos(seed)
    world = World(seed, chaos.mood.profile, wires, chaos.decide, lake)
    chaos.world = world
    LakePath.scheduler = world.scheduler
    try:
        chaos.rage()
        chaos.quiet = True
        found = _Quiet(world, chaos.rng, wires.monitor).come_to_rest()
        found += violations(world, wires.monitor)
    except Exception as error:
        error.add_note(f"replay: {replay(seed)}")
        raise
    finally:
        for actor in list(world.scheduler.actors):
            world.scheduler.resume(actor, "crash")
        LakePath.scheduler = None
    return Report(found, world.scheduler.trace)


class _Quiet:
    """The stretch without further faults."""

    def __init__(self, world: World, rng: Random, monitor: psycopg.Connection[Any]) -> None:
        self._world, self._rng, self._monitor = world, rng, monitor

    def come_to_rest(self) -> list[str]:
        """Let everything end without further faults, wake who slept all the while, and let everything end again."""
        world = self._world
        world.paused.clear()
        for actor in list(world.scheduler.actors):
            task = world.task_of(actor)
            if actor.in_transaction or actor.blocked is not None or self._rng.random() < 0.5:
                world.resume(actor, "crash")
            elif task is not None and task.actor is actor:
                world.lose_contact(task)
        sleepers = list(world.scheduler.actors)
        if not self._finish():
            return ["rest: it does not come to rest"]
        for actor in sleepers:
            world.resume(actor)
        return [] if not sleepers or self._finish() else ["rest: it does not come to rest"]

    def _finish(self) -> bool:
        world, pulsed = self._world, False
        for _ in range(REST):
            while ready := self._ready():
                for task in ready:
                    to_its_end(world, self._rng, world.start(task))
            if world.next_run() is None:
                if pulsed and not self._anybody_is_in() and not world.server.has_more():
                    return True
                pulsed = True
                for campaign in self._in_error():
                    to_its_end(world, self._rng, world.start_deed("resume", campaign))
                for campaign in world.plans:
                    to_its_end(world, self._rng, world.start_pulse(campaign))
            # A run that a person marked failed is not made again: then only a later beat of the pulse helps.
            world.move_clock(world.next_run() or world.server.next_outcome(world.now) or world.now + timedelta(hours=6))
        return False

    def _ready(self) -> list[Task]:
        """Return the tasks that may start once somebody has answered everything."""
        for task in self._world.asked():
            self._world.answer(task, is_yes=self._rng.random() < 0.5)
        return self._world.ready()

    def _anybody_is_in(self) -> bool:
        """Tell whether anybody is in a campaign, or waits to enter one."""
        query = "SELECT EXISTS (SELECT FROM outcamp.entries WHERE exited_at IS NULL) OR EXISTS (SELECT FROM outcamp.deferred)"
        return bool(self._monitor.execute(query).fetchone()[0])  # type: ignore[index]

    def _in_error(self) -> list[str]:
        """Return the campaigns that wait for somebody to look."""
        return [name for (name,) in self._monitor.execute("SELECT name FROM outcamp.campaigns WHERE error_at IS NOT NULL ORDER BY name")]
