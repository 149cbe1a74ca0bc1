"""One seed's world: the deployment, its campaigns, and the driver that lets things go wrong and then lets them come to rest."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from faults.airflow import MOST_FAILURES, Run, RunsOf, Said, Task
from faults.campaigns import START, Plan, draw_plans
from faults.deeds import Deed, do, people
from faults.operations import LakePath, Session
from faults.scheduler import Actor, Scheduler
from faults.server import Door, Refusal, Server
from faults.steps import Work, move_old, work_of
from faults.wires import Wires
from outcamp.core.errors import OutcampError, Transient, UsageError
from outcamp.core.run_key import run_key
from outcamp.steps.engine import Engine
from outcamp.steps.heal import heal
from outcamp.store.lake import Lake
from outcamp.store.ledger import Ledger

REPORTS = 0.15  # the share of seeds whose waves write reports: nothing is decided there, and it takes a third of the time


class World:
    """Campaigns on one ledger, one lake and one receiving server, with Airflow's runs around them."""

    def __init__(self, seed: str, profile: str, wires: Wires, decide: Callable[[Actor, str], str], lake: Path) -> None:
        self.seed = seed
        self.rng = Random(seed)
        plans, self.total_limits = draw_plans(self.rng, profile)
        self.reports = self.rng.random() < REPORTS
        self.moves_before_waves = profile == "moved"
        self.plans: dict[str, Plan] = {plan.name: plan for plan in plans}
        self.scheduler = Scheduler(START - timedelta(minutes=1), decide)
        self.server = Server(seed)
        self.runs: dict[tuple[str, str], Run] = {}
        self.paused: set[str] = set()
        self.errors: list[str] = []  # what no step may ever raise
        self.deeds: list[Deed] = []
        self.answers: list[Said] = []
        self.slipped = timedelta(0)  # how far the clock was set back, in all
        self.lost_sends = 0  # tries of send that crashed, failed, or were taken for dead
        self._people = people(plans)
        self._tries: dict[Actor, Task] = {}
        self._to_come = sorted((at, plan.name) for plan in plans for at in plan.occurrences)
        self._wires = wires
        self.lake = lake

    # -- the clock ----------------------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """Return the instant of the virtual clock."""
        return self.scheduler.now

    def move_clock(self, to: datetime) -> None:
        """Set the clock on; Airflow makes the runs of the occurrences that this passes."""
        self.scheduler.now = max(self.now, to)
        while self._to_come and self._to_come[0][0] <= self.now:
            at, campaign = self._to_come.pop(0)
            self.make_run(Run(campaign, run_key(at), at, scheduled_at=at))

    def slip(self, back: timedelta) -> None:
        """Set the clock back a little, as the clock of a server that takes over may be."""
        self.scheduler.now -= back
        self.slipped += back

    def next_run(self) -> datetime | None:
        """Return the next instant at which a run starts, or a question has no time left."""
        moments = [at for at, _ in self._to_come[:1]]
        moments += [task.answer_by for task in self.asked() if task.answer_by is not None]
        moments += [run.at for run in self.runs.values() if run.state == "queued" and run.campaign not in self.paused]
        return min((at for at in moments if at > self.now), default=None)

    def next_event(self) -> datetime | None:
        """Return the next instant at which anything happens by itself."""
        return min((at for at in (self.next_run(), self.server.next_outcome(self.now)) if at is not None), default=None)

    def brinks(self) -> list[datetime]:
        """Return the instants of the next hours at which something ends: a campaign, or the open hours of somebody's zone."""
        found = {plan.expires for plan in self.plans.values() if plan.expires is not None}
        found |= {hour for plan in self.plans.values() if plan.hours for hour in plan.closings(self.now)}
        return sorted(at for at in found if self.now < at < self.now + timedelta(hours=12))

    # -- Airflow ------------------------------------------------------------------------------------------------------

    def make_run(self, run: Run) -> None:
        """Queue a run; one that exists is left alone."""
        run.is_reviewed = self.plans[run.campaign].is_reviewed
        self.runs.setdefault((run.campaign, run.key), run)

    def ready(self) -> list[Task]:
        """Return the tasks that Airflow may start now."""
        found = []
        for task in self.asked():
            if task.answer_by is not None and task.answer_by <= self.now:
                self.answer(task, is_yes=False)
        for run in self.runs.values():
            if run.state == "queued" and run.at <= self.now and run.campaign not in self.paused:
                run.state = "running"
            if run.state == "running":
                found += run.ready()
        return found

    def asked(self) -> list[Task]:
        """Return the tasks that wait for a person's answer."""
        return [task for run in self.runs.values() if run.state == "running" for task in run.tasks.values() if task.state == "asked"]

    def answer(self, task: Task, *, is_yes: bool) -> None:
        """Let a person answer, or silence be taken for a no; the task that asked goes on with it, unless it has to ask again."""
        task.said = Said(task.run.campaign, task.run.scheduled_at, is_yes, self.scheduler.commits)
        task.state = "none"
        self.answers.append(task.said)

    def start(self, task: Task) -> Actor:
        """Start a try of a task."""
        task.state, task.tries = "running", task.tries + 1
        actor = self._actor(task.name, task.run.campaign, work_of(self, task))
        if task.step == "watch":
            self.deeds.append(Deed("error", task.run.campaign, None, actor))
        task.actor = actor
        self._tries[actor] = task
        return actor

    def start_pulse(self, campaign: str) -> Actor:
        """Start a beat of the DAG that takes in outcomes, frees dead waves' rows, makes missing waves, and moves what is old."""
        return self._actor(f"{campaign} pulse", campaign, lambda engine: self._beat(engine, self.scheduler.read_clock()))

    @staticmethod
    def _beat(engine: Engine, now: datetime) -> None:
        heal(engine, now)
        move_old(engine, now)

    def start_deed(self, kind: str, campaign: str) -> Actor:
        """Start what a person does beside the waves: ``stop``, ``delete``, ``error``, ``resume`` or ``suppress``."""
        whom = self.rng.choice(self._people)
        actor = self._actor(f"{campaign} {kind}", campaign, lambda engine: do(engine, kind, whom, self.scheduler.read_clock()))
        self.deeds.append(Deed(kind, campaign, whom, actor))
        return actor

    def resume(self, actor: Actor, order: str = "go") -> None:
        """Let an actor go on, and take in its end, as far as Airflow knows of it."""
        self.scheduler.resume(actor, order)
        if not actor.ended:
            return
        task = self._tries.pop(actor, None)
        self._judge(actor)
        if task is not None and task.step == "send" and (actor.crashed or actor.error is not None):
            self.lost_sends += 1
        if task is None or task.actor is not actor:
            return  # a try that Airflow has given up
        task.actor = None
        if not actor.crashed and actor.error is None:
            task.run.succeeded(task, actor.result, self.now)
        else:
            self._try_again(task, for_good=actor.error is not None and not isinstance(actor.error, Transient))

    def restart_server(self) -> None:
        """Let the ledger's server restart: every session ends, and what was not committed is lost."""
        self._wires.restart()
        for actor in self.scheduler.actors:
            actor.blocked = None

    def lose_contact(self, task: Task) -> None:
        """Let Airflow take a running try for dead, and start another one some time; the first one lives on."""
        task.actor = None
        self.lost_sends += task.step == "send"
        self._try_again(task, for_good=False)

    def task_of(self, actor: Actor) -> Task | None:
        """Return the task that an actor is a try of; a pulse is none."""
        return self._tries.get(actor)

    def clear(self, run: Run, task: Task) -> None:
        """Let a person clear a task and all after it; tries that run live on."""
        self.lost_sends += sum(other.step == "send" and other.actor is not None for other in run.tasks.values())
        run.clear(task)

    def mark_dead(self, run: Run) -> None:
        """Let a person mark a run failed, or delete it; tries that run already live on."""
        run.state = "dead"
        for task in run.tasks.values():
            if task.actor is not None:
                self.lost_sends += task.step == "send"
                task.actor = None

    def _try_again(self, task: Task, *, for_good: bool) -> None:
        task.failures, task.said = task.failures + 1, None
        task.state = "failed" if for_good or task.failures >= MOST_FAILURES else "none"
        if task.step == "watch" and task.state == "failed":
            task.run.state = "ended"

    def _judge(self, actor: Actor) -> None:
        error = actor.error
        if error is None or isinstance(error, (Transient, Refusal)):
            return
        if isinstance(error, UsageError) and any(deed.actor is actor for deed in self.deeds):
            return  # there was no error to lift
        if isinstance(error, OutcampError):
            self.errors.append(f"{actor.name}: {type(error).__name__}: {error.message}")
        else:
            self.errors.append(f"{actor.name}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")

    # -- a try of a step ----------------------------------------------------------------------------------------------

    def _actor(self, name: str, campaign: str, work: Work) -> Actor:
        def run(actor: Actor) -> Any:
            engine = self._engine(campaign)
            try:
                return work(engine)
            finally:
                engine.ledger.close()

        return self.scheduler.add(name, run)

    def _engine(self, campaign: str) -> Engine:
        """Return an engine of its own for each try, as each task of Airflow is a process of its own."""
        plan = self.plans[campaign]
        return Engine(
            manifest=plan.manifest,
            ledger=Ledger(lambda: Session(self.scheduler, self._wires)),  # type: ignore[arg-type, return-value]
            lake=Lake(LakePath(self.lake), durable=False),
            transports=dict.fromkeys(plan.manifest.campaign.channels_used, Door(self.server, self.scheduler, campaign, plan.chunk_size)),
            runs=RunsOf(self, campaign),
            wave_interval=timedelta(minutes=5),
            total_limits=self.total_limits,
            part_rows=plan.part_rows,
        )


def new_lake() -> Path:
    """Return an empty folder, in memory where the machine has one for that."""
    memory = Path("/dev/shm")  # noqa: S108
    return Path(tempfile.mkdtemp(prefix="outcamp-faults-", dir=memory if memory.is_dir() else None))


def empty(folder: Path) -> None:
    """Remove everything in a folder."""
    for path in folder.iterdir():
        shutil.rmtree(path)
