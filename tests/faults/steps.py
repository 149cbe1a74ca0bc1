"""What a try of each task does: the product's steps, called as the tasks of the DAG call them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from faults.airflow import Asked, Said, Task
from faults.campaigns import Table
from outcamp.steps.engine import Engine
from outcamp.steps.fan_out import fan_out
from outcamp.steps.feed_back import feed_back
from outcamp.steps.filter import filter_part
from outcamp.steps.heal import make_next_wave
from outcamp.steps.report import write_report
from outcamp.steps.retain import retain
from outcamp.steps.review import answer, may_send, question_of
from outcamp.steps.send import send
from outcamp.steps.snapshot import prepare_wave, snapshot_due, snapshot_occurrence
from outcamp.steps.stop import ENDED, halt_of, record_error

if TYPE_CHECKING:
    from faults.world import World

Work = Callable[[Engine], Any]
DEADLINE = timedelta(days=2)  # longer than any outcome takes


def work_of(world: World, task: Task) -> Work:
    """Return what a try of this task does."""
    run, clock, said = task.run, world.scheduler.read_clock, task.said

    def wait(much: timedelta) -> None:
        _wait(world, much)

    works: dict[str, Work] = {
        "snapshot": lambda engine: _snapshot(world, task, engine),
        "filter": lambda engine: filter_part(engine, run.key, task.number, clock()),
        "fan_out": lambda engine: [batch.batch for batch in fan_out(engine, run.key, clock())],
        "approve": lambda engine: _ask(world, task, engine) if said is None else _answer(world, task, engine, said),
        "next_wave": lambda engine: make_next_wave(engine, clock()),
        "send": lambda engine: send(engine, run.key, task.number, clock, lambda: _is_paused(world, run.campaign), wait),
        "feed_back": lambda engine: _feed_back(world, task, engine),
        "watch": lambda engine: record_error(engine, f"a task of the wave {run.key} failed", clock()),
    }
    return works[task.step]


def move_old(engine: Engine, now: datetime) -> None:
    """Move whatever is over, as a beat of the pulse moves what is old: limits need all of it still, and outcomes come for some."""
    retain(engine.ledger, now + DEADLINE, now, rows=2)


def _snapshot(world: World, task: Task, engine: Engine) -> list[int]:
    run = task.run
    world.move_clock(run.at)  # a clock that was set back is waited for
    now = world.scheduler.read_clock()
    if world.moves_before_waves:
        move_old(engine, now)
    prepare_wave(engine, run.key, now)
    if halt_of(engine, now) in ENDED:
        return []
    if run.scheduled_at is None:
        parts = snapshot_due(engine, run.key, run.at, now)
    else:
        late = now - run.scheduled_at >= engine.wave_interval
        segment = Table(world.plans[run.campaign].rows)
        parts = snapshot_occurrence(engine, segment, run.key, run.scheduled_at, now, due_at=now if late else None)
    return [part.part for part in parts]


def _ask(world: World, task: Task, engine: Engine) -> Asked | bool:
    question = question_of(engine, task.run.key, world.scheduler.read_clock())
    return may_send(engine, task.run.key) if question is None else Asked(question.answer_by)


def _answer(world: World, task: Task, engine: Engine, said: Said) -> bool:
    answer(engine, task.run.key, world.scheduler.read_clock(), approved=said.is_yes)
    if world.scheduler.running is not None:
        said.commit = world.scheduler.running.last_commit
    make_next_wave(engine, world.scheduler.read_clock())
    return may_send(engine, task.run.key)


def _feed_back(world: World, task: Task, engine: Engine) -> None:
    followed = feed_back(engine, task.run.key, world.scheduler.read_clock())
    make_next_wave(engine, world.scheduler.read_clock())
    if world.reports:
        write_report(engine, task.run.key, followed)


def _is_paused(world: World, campaign: str) -> bool:
    paused = campaign in world.paused
    if world.scheduler.running is not None:
        world.scheduler.running.saw_pause = paused
    return paused


def _wait(world: World, much: timedelta) -> None:
    """Let the clock go on by so much; who is parked here oversleeps."""
    until, actor = world.now + much, world.scheduler.running
    if actor is not None:
        actor.learn(actor.read + much)
    world.scheduler.point("clock wait")
    world.move_clock(until)
