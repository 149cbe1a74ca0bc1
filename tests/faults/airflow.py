"""What Airflow does with a campaign's DAG: runs, their tasks, and in which order tasks may start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from faults.scheduler import Actor

if TYPE_CHECKING:
    from faults.world import World

MOST_FAILURES = 4
DONE = ("success", "failed", "skipped")
ORDER = ("snapshot", "filter", "fan_out", "next_wave", "approve", "send", "feed_back", "watch")


@dataclass(frozen=True)
class Asked:
    """What an approve task returns that waits for a person: until when; None: for ever."""

    answer_by: datetime | None


@dataclass
class Said:
    """What somebody answered, or silence did, and when, by the number of ledger transactions."""

    campaign: str
    scheduled_at: datetime | None
    is_yes: bool
    at: int
    commit: int = 0  # the transaction that wrote it down; 0: none is known


@dataclass
class Task:
    """One task of a run; ``number`` is the part or the batch of a mapped one."""

    run: Run
    step: str
    number: int = 0
    state: str = "none"  # none | running | asked | success | failed | skipped
    tries: int = 0
    failures: int = 0
    actor: Actor | None = None  # the try that Airflow knows of; there may be others that it lost
    answer_by: datetime | None = None  # of one that has asked
    said: Said | None = None  # what it goes on with

    @property
    def name(self) -> str:
        """Return how traces call the newest try."""
        return f"{self.run.campaign} {self.run.key} {self.step}[{self.number}]#{self.tries}"


@dataclass
class Run:
    """One DAG run: a wave."""

    campaign: str
    key: str
    at: datetime
    scheduled_at: datetime | None = None  # of an occurrence
    is_reviewed: bool = False
    state: str = "queued"  # queued | running | ended | dead
    decided_at: datetime | None = None  # when the newest of its snapshots and filters was done
    tasks: dict[tuple[str, int], Task] = field(default_factory=dict)

    @property
    def is_live(self) -> bool:
        """Tell whether it is still queued or running."""
        return self.state in {"queued", "running"}

    def task(self, step: str, number: int = 0) -> Task:
        """Return a task, which is made at its first mention."""
        return self.tasks.setdefault((step, number), Task(self, step, number))

    def ready(self) -> list[Task]:
        """Return the tasks that may start now."""
        return [task for task in self._reached() if task.state == "none"]

    def succeeded(self, task: Task, result: Any, now: datetime) -> None:
        """Take in what a task returned: a snapshot its parts, a fan_out its batches; Airflow maps tasks over them. A no skips the sends."""
        if isinstance(result, Asked):
            task.state, task.answer_by = "asked", result.answer_by
            return
        task.state = "success"
        if task.step == "approve" and not result:
            for send in self._mapped("send"):
                send.state = "skipped"
        if task.step in {"snapshot", "filter"}:
            self.decided_at = now
        if task.step == "snapshot":
            self._map("filter", result)
        if task.step == "fan_out":
            self._map("send", result)
        if task.step == "watch" or (task.step == "feed_back" and not self._has_failed()):
            self.state = "ended"

    def clear(self, task: Task) -> list[Task]:
        """Do what a person's Clear does: this task and all after it run again; returns those that had ended or were running."""
        place = ORDER.index(task.step)
        beside = {"approve", "send"} if task.step == "next_wave" else set()
        later = [other for other in self.tasks.values() if ORDER.index(other.step) > place and other.step not in beside]
        cleared = [other for other in (task, *later) if other.state != "none"]
        for other in (task, *later):
            other.state, other.actor, other.failures, other.said = "none", None, 0, None
        self.state = "running"
        return cleared

    def _map(self, step: str, numbers: list[int]) -> None:
        for key in [key for key in self.tasks if key[0] == step and key[1] not in numbers]:
            del self.tasks[key]
        for number in numbers:
            self.task(step, number)

    def _reached(self) -> Iterator[Task]:
        """Yield the tasks whose predecessors are done."""
        yield self.task("snapshot")
        snapshot, filters = self.task("snapshot"), self._mapped("filter")
        over = snapshot.state == "failed"
        if snapshot.state == "success":
            yield from filters
            if all(task.state == "success" for task in filters):  # also of none: then Airflow skips filter, and fan_out runs
                fan_out = self.task("fan_out")
                yield fan_out
                over = fan_out.state == "failed"
                if fan_out.state == "success":
                    asks, sends = [self.task("approve")] if self.is_reviewed else [], self._mapped("send")
                    may = all(task.state == "success" for task in asks)
                    begun = [self.task("next_wave"), *asks, *(sends if may else ())]
                    yield from begun
                    over = all(task.state in DONE for task in begun)
            else:
                over = all(task.state in DONE for task in filters)
        if over:
            yield self.task("feed_back")
            if self.task("feed_back").state in DONE and self._has_failed():
                yield self.task("watch")

    def _has_failed(self) -> bool:
        return any(task.state == "failed" for task in self.tasks.values())

    def _mapped(self, step: str) -> list[Task]:
        return [task for (name, _), task in sorted(self.tasks.items()) if name == step]


class RunsOf:
    """The engine's view of one campaign's runs."""

    def __init__(self, world: World, campaign: str) -> None:
        self._world, self._campaign = world, campaign

    def live(self, runs: list[str]) -> set[str]:
        self._world.scheduler.point("airflow live")
        return {run for run in runs if (self._campaign, run) in self._world.runs and self._world.runs[self._campaign, run].is_live}

    def make(self, run: str, at: datetime) -> None:
        self._world.scheduler.point("airflow make")
        self._world.make_run(Run(self._campaign, run, at))

    def again(self, run: str, at: datetime) -> None:
        self._world.scheduler.point("airflow again")
        found = self._world.runs.get((self._campaign, run))
        if found is not None:
            self._world.clear(found, found.task("snapshot"))
