"""The driver of one seed: a stretch in which everything goes wrong, then a quiet one in which everything must come to rest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

from faults.airflow import Run
from faults.invariants import violations
from faults.operations import LakePath, Monitor, Wires
from faults.scheduler import Actor
from faults.world import World, empty
from outcamp.store.sql import queries

# The operations around a submission; a seed makes its actors meet, and crash, at one of these more often than at others.
AROUND_A_SUBMISSION = (
    *("ledger commit", "ledger committed", "transport submit", "transport submitted"),
    *("ledger hold-token", "ledger lock-buckets", "ledger over-limits", "ledger submit", "ledger record-answers"),
)
ELSEWHERE = ("lake write", "lake rename", "lake renamed", "airflow live", "airflow make", "transport outcomes", "transport acknowledge")
# The steps that a seed disturbs; the others run through, so that the disturbed ones meet in numbers.
FOCUS = (
    *(("send",),) * 4,
    *(("send", "snapshot", "feed_back", "pulse"),) * 2,
    ("snapshot", "filter", "fan_out"),
    *(("snapshot", "filter", "fan_out", "send", "next_wave", "feed_back", "pulse"),) * 2,
)
# How often things happen from outside, relative to each other; each seed has a theme, of which there is much more.
MEDDLING = {
    "brink": 0.3,
    "long wait": 0.1,
    "crash": 0.2,
    "lose contact": 0.4,
    "sleep": 0.3,
    "mark dead": 0.04,
    "clear": 0.2,
    "pause": 0.04,
    "pulse": 0.3,
    "repeat": 0.08,
}
REST = 100  # events by which everything must have come to rest


@dataclass(frozen=True)
class Report:
    """What a seed found, and what happened on the way."""

    seed: str
    violations: list[str]
    trace: list[str]
    arrivals: int
    circles: int


def run_seed(seed: str, wires: Wires, lake: Path) -> Report:
    """Run one seed from an empty ledger and an empty lake, and check the promise."""
    wires.empty()
    empty(lake)
    chaos = Chaos(Random(f"chaos {seed}"), wires.monitor)
    world = World(seed, wires, chaos.decide, lake)
    chaos.world = world
    LakePath.scheduler = world.scheduler
    try:
        chaos.rage()
        found = chaos.come_to_rest()
        found += violations(world, wires.monitor.connection)
    finally:
        for actor in list(world.scheduler.actors):
            world.scheduler.resume(actor, "crash")
        LakePath.scheduler = None
    return Report(seed, found, world.scheduler.trace, len(world.server.log), chaos.circles)


class Chaos:
    """Decides, from the seed alone, who goes on, who crashes, and what else happens."""

    world: World

    def __init__(self, rng: Random, monitor: Monitor) -> None:
        self._rng, self._monitor = rng, monitor
        self._quiet = False
        known = [f"ledger {name}" for name in sorted(queries())] + [*ELSEWHERE]
        self._focus = rng.choice(FOCUS)
        self._meeting = rng.choice(rng.choice((AROUND_A_SUBMISSION, known)))
        self._fatal = rng.choice(rng.choice((AROUND_A_SUBMISSION, AROUND_A_SUBMISSION, known)))
        self._twins = rng.choice((0.0, 0.0, 0.3))  # how often Airflow takes a try for dead that has just begun
        self._pause = rng.choice((0.05, 0.1, 0.2, 0.5))
        self._crash = rng.choice((0.0, 0.002, 0.01))
        self._crashes_to_come = rng.choice((0, 1, 2, 3))
        theme = rng.choice(list(MEDDLING))
        self._meddling = MEDDLING | {theme: MEDDLING[theme] * 4 + 0.4}
        self._turns = rng.choice((80, 160, 320))
        self._asleep: set[Actor] = set()
        self.circles = 0  # how often actors waited for each other in a circle

    def decide(self, actor: Actor, what: str) -> str:
        """Say what happens to the actor that stands at this point."""
        if self._quiet or not self._is_disturbed(actor):
            return "go"
        if self._rng.random() < 0.1:
            self.world.move_clock(self.world.now + timedelta(milliseconds=self._rng.choice((1, 20, 700, 5000))))
        luck = self._rng.random()
        if what.startswith(self._fatal) and self._crashes_to_come and luck < 0.4:
            self._crashes_to_come -= 1
            return self._way_to_die(what)
        if luck < self._crash:
            return self._way_to_die(what)
        return "pause" if luck < (0.8 if what.startswith(self._meeting) else self._pause) else "go"

    def _way_to_die(self, what: str) -> str:
        return "lose" if self._rng.random() < 0.3 and what.startswith(("ledger", "transport")) else "crash"

    def _is_disturbed(self, actor: Actor) -> bool:
        task = self.world.task_of(actor)
        return ("pulse" if task is None else task.step) in self._focus

    def rage(self) -> None:
        """Let tasks start, go on, crash and be repeated in a drawn order, for some turns."""
        for _ in range(self._turns):
            if not self._turn():
                return

    def come_to_rest(self) -> list[str]:
        """Let everything end without further faults, wake who slept all the while, and let everything end again."""
        world = self.world
        self._quiet = True
        world.paused.clear()
        for actor in list(world.scheduler.actors):
            task = world.task_of(actor)
            if actor.in_transaction or actor.blocked is not None or self._rng.random() < 0.5:
                world.resume(actor, "crash")
            elif task is not None and task.actor is actor:
                world.lose_contact(task)
        sleepers = list(world.scheduler.actors)
        if not self._finish(sleepers):
            return ["it does not come to rest"]
        for actor in sleepers:
            world.resume(actor)
        return [] if self._finish([]) else ["it does not come to rest"]

    def _finish(self, sleepers: list[Actor]) -> bool:
        world = self.world
        for _ in range(REST):
            ready = world.ready()
            while ready:
                for task in ready:
                    self._to_its_end(world.start(task))
                ready = world.ready()
            if world.next_run() is None:
                if not self._anybody_is_in() and not world.server.has_more():
                    return True
                for campaign in world.plans:
                    self._to_its_end(world.start_pulse(campaign))
            # A run that a person marked failed is not made again: then only a later beat of the pulse helps.
            world.move_clock(world.next_run() or world.server.next_outcome(world.now) or world.now + timedelta(hours=6))
        return False

    def _anybody_is_in(self) -> bool:
        """Tell whether anybody is in a campaign, or waits to enter one."""
        query = "SELECT EXISTS (SELECT FROM outcamp.entries WHERE exited_at IS NULL) OR EXISTS (SELECT FROM outcamp.deferred)"
        return bool(self._monitor.connection.execute(query).fetchone()[0])  # type: ignore[index]

    def _to_its_end(self, actor: Actor) -> None:
        """Let an actor run that nobody disturbs; whoever holds a lock that it waits for goes on first."""
        while not actor.ended:
            holders = [other for other in self.world.scheduler.actors if other.can_run]
            self.world.resume(actor if actor.can_run or not holders else self._rng.choice(holders))

    def _turn(self) -> bool:  # noqa: C901, PLR0912 - one branch for each thing that can happen
        """Let one thing happen; False when nothing can happen any more."""
        world, rng = self.world, self._rng
        ready = world.ready()
        while calm := [task for task in ready if task.step not in self._focus]:
            self._to_its_end(world.start(calm[0]))
            ready = world.ready()
        actors = world.scheduler.actors
        able = [actor for actor in actors if actor.can_run]
        awake = [actor for actor in able if actor not in self._asleep] or able
        if not able and actors and (not ready or rng.random() < 0.5):
            self.circles += all(actor.blocked for actor in actors)
            world.resume(actors[-1])
            return True
        event, brinks = world.next_event(), world.brinks()
        if not able and not ready and event is None:
            return False
        actions = self._meddling | {
            "go on": 10.0 * bool(able),
            "start": 20.0 * bool(ready),
            "next event": (0.3 if able or ready else 10.0) * (event is not None),
        }
        for needless in ("crash", "lose contact", "sleep"):
            actions[needless] *= bool(actors)
        actions["brink"] *= bool(brinks)
        action = rng.choices(list(actions), list(actions.values()))[0]
        world.scheduler.trace.append(f"-- {action}")
        if action == "go on":
            # Those who have not come to the meeting yet go first: the others wait for them there.
            late = [actor for actor in awake if not actor.at.startswith(self._meeting)]
            world.resume(rng.choice(late if late and rng.random() < 0.85 else awake))
        elif action == "start":
            task = rng.choice(ready)
            actor = world.start(task)
            if rng.random() < self._twins:
                world.lose_contact(task)
            world.resume(actor)
        elif action == "next event":
            assert event is not None
            world.move_clock(event)
        elif action == "brink":
            world.move_clock(rng.choice(brinks) - timedelta(milliseconds=rng.choice((1, 500, 3000, 0, -1, -3000))))
        elif action == "long wait":
            world.move_clock(world.now + timedelta(minutes=rng.choice((3, 50, 200, 1500))))
        elif action == "crash":
            world.resume(rng.choice(actors), "crash")
        elif action == "sleep":
            self._asleep.add(rng.choice(actors))
        elif action == "pulse":
            world.resume(world.start_pulse(rng.choice(list(world.plans))))
        elif action == "pause":
            world.paused ^= {rng.choice(list(world.plans))}
        else:
            self._meddle(action)
        return True

    def _meddle(self, action: str) -> None:
        """Do what a person, or a scheduler that lost a worker, does to a run."""
        world, rng = self.world, self._rng
        runs = [run for run in world.runs.values() if run.state != "dead"]
        if not runs:
            return
        run = rng.choice(runs)
        if action == "mark dead":
            world.mark_dead(run)
        running = [task for task in run.tasks.values() if task.actor is not None]
        done = [task for task in run.tasks.values() if task.state in {"success", "failed"}]
        if action == "repeat" and run.scheduled_at is not None:
            world.make_run(Run(run.campaign, f"{run.key}-again", world.now, scheduled_at=run.scheduled_at))
        if action == "lose contact" and running:
            world.lose_contact(rng.choice(running))
        if action == "clear" and done:
            world.clear(run, rng.choice(done))
