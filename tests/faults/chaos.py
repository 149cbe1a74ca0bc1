"""What goes wrong in a seed: who goes on, who crashes, and what else happens, decided from the seed alone."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from faults.airflow import Run
from faults.scheduler import Actor
from faults.world import World
from outcamp.store.sql import queries

# The operations around a submission; a seed makes its actors meet, and crash, at one of these more often than at others.
AROUND_A_SUBMISSION = (
    *("ledger commit", "ledger committed", "transport submit", "transport submitted"),
    *("ledger hold-token", "ledger lock-buckets", "ledger over-limits", "ledger submit", "ledger record-answers", "ledger take-back"),
)
ELSEWHERE = (
    *("lake write", "lake rename", "lake renamed", "airflow live", "airflow make", "airflow again"),
    *("transport outcomes", "transport acknowledge"),
)
# The steps that a seed disturbs; the others run through, so that the disturbed ones meet in numbers.
FOCUS = (
    *(("send",),) * 4,
    *(("send", "snapshot", "feed_back", "pulse", "deed"),) * 2,
    ("snapshot", "filter", "fan_out", "deed"),
    *(("snapshot", "filter", "fan_out", "send", "next_wave", "feed_back", "watch", "pulse", "deed"),) * 2,
)
# How often things happen from outside, relative to each other; most seeds have a theme, of which there is much more.
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
    "restart": 0.03,
    "suppress": 0.06,
    "stop": 0.01,
    "delete": 0.005,
    "error": 0.02,
    "resume": 0.05,
}
DEEDS = frozenset({"stop", "delete", "error", "resume", "suppress"})
# in doubt: submissions lose their answers, are tried again, and the truth comes later. lively: waves of a campaign meet, and nobody dies.
# held: people pause, stop, suppress and repair while batches are on their way.
PROFILES = (*("any",) * 5, "in doubt", "lively", "held")
HELD = {"pause": 0.5, "stop": 0.05, "delete": 0.02, "error": 0.2, "resume": 0.2, "suppress": 0.6}


def to_its_end(world: World, rng: Random, actor: Actor) -> None:
    """Let an actor run that nobody disturbs; whoever holds a lock that it waits for goes on first."""
    while not actor.ended:
        holders = [other for other in world.scheduler.actors if other.can_run]
        world.resume(actor if actor.can_run or not holders else rng.choice(holders))


class Chaos:
    """The stretch in which everything goes wrong."""

    world: World

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.quiet = False
        self.circles = 0  # how often actors waited for each other in a circle
        known = [f"ledger {name}" for name in sorted(queries())] + [*ELSEWHERE]
        self.profile = rng.choice(PROFILES)
        self._focus = rng.choice(FOCUS)
        self._meeting = rng.choice(rng.choice((AROUND_A_SUBMISSION, known)))
        self._fatal = rng.choice(rng.choice((AROUND_A_SUBMISSION, AROUND_A_SUBMISSION, known)))
        self._twins = rng.choice((0.0, 0.0, 0.3))  # how often Airflow takes a try for dead that has just begun
        self._pause = rng.choice((0.05, 0.1, 0.2, 0.5))
        self._crash = rng.choice((0.0, 0.002, 0.01))
        self._crashes_to_come = rng.choice((0, 1, 2, 3))
        self._turns = rng.choice((40, 80, 160))
        self._slips = rng.choice((0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.05))  # how often the clock is set back by seconds
        theme = rng.choice(list(MEDDLING))
        self._meddling = MEDDLING | {theme: MEDDLING[theme] * 4 + 0.4}
        if self.profile == "in doubt":
            self._focus, self._fatal, self._crashes_to_come = ("send",), "transport submitted", 3
            self._meddling |= {"long wait": 0.5}
        if self.profile == "lively":
            self._focus, self._meeting, self._pause, self._crash, self._crashes_to_come = ("send",), "transport submit", 0.1, 0.0, 0
            self._twins = 0.0
            self._meddling = dict.fromkeys(MEDDLING, 0.0) | {"pulse": 0.6, "brink": 0.1}
        if self.profile == "held":
            self._focus, self._meeting, self._pause = ("send",), rng.choice(("ledger begin", "ledger lock-buckets")), 0.2
            self._meddling |= HELD
        self._asleep: set[Actor] = set()

    def decide(self, actor: Actor, what: str) -> str:
        """Say what happens to the actor that stands at this point."""
        if self.quiet or not self._is_disturbed(actor):
            return "go"
        if self.rng.random() < 0.1:
            self.world.move_clock(self.world.now + timedelta(milliseconds=self.rng.choice((1, 20, 700, 5000))))
        if self.rng.random() < self._slips:
            self.world.slip(timedelta(milliseconds=self.rng.choice((1, 500, 5000))))
        luck = self.rng.random()
        if what.startswith(self._fatal) and self._crashes_to_come and luck < 0.4:
            self._crashes_to_come -= 1
            return self._way_to_die(what)
        if luck < self._crash:
            return self._way_to_die(what)
        return "pause" if luck < (0.8 if what.startswith(self._meeting) else self._pause) else "go"

    def _way_to_die(self, what: str) -> str:
        return "lose" if self.rng.random() < 0.3 and what.startswith(("ledger", "transport")) else "crash"

    def _is_disturbed(self, actor: Actor) -> bool:
        task = self.world.task_of(actor)
        if task is not None:
            return task.step in self._focus
        return ("pulse" if actor.name.endswith("pulse") else "deed") in self._focus

    def rage(self) -> None:
        """Let tasks start, go on, crash and be repeated in a drawn order, for some turns."""
        for _ in range(self._turns):
            if not self._turn():
                return

    def _turn(self) -> bool:  # noqa: C901, PLR0912 - one branch for each thing that can happen
        """Let one thing happen; False when nothing can happen any more."""
        world, rng = self.world, self.rng
        ready = world.ready()
        while calm := [task for task in ready if task.step not in self._focus]:
            to_its_end(world, rng, world.start(calm[0]))
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
            "next event": ((2.0 if self.profile == "lively" else 0.3) if able or ready else 10.0) * (event is not None),
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
        elif action == "restart":
            world.restart_server()
        elif action in DEEDS:
            world.resume(world.start_deed(action, rng.choice(list(world.plans))))
        else:
            self._meddle(action)
        return True

    def _meddle(self, action: str) -> None:
        """Do what a person, or a scheduler that lost a worker, does to a run."""
        world, rng = self.world, self.rng
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
