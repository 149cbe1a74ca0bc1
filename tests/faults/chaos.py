"""What goes wrong in a seed: who goes on, who crashes, and what else happens, decided from the seed alone."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from faults.airflow import Run, Task
from faults.moods import draw_mood
from faults.scheduler import Actor
from faults.world import World

DEEDS = frozenset({"stop", "delete", "error", "resume", "suppress"})


def to_its_end(world: World, rng: Random, actor: Actor) -> None:
    """Let an actor run that nobody disturbs; whoever holds a lock that it waits for goes on first."""
    while not actor.ended:
        holders = [other for other in world.scheduler.actors if other.can_run]
        world.resume(actor if actor.can_run or not holders else rng.choice(holders))


class Chaos:
    """The stretch in which everything goes wrong."""

    world: World

    def __init__(self, seed: str) -> None:
        self.rng = Random(f"chaos {seed}")
        self.mood = draw_mood(self.rng, seed)
        self.quiet = False
        self._crashes_to_come = self.mood.crashes
        self._asleep: set[Actor] = set()

    def decide(self, actor: Actor, what: str) -> str:
        """Say what happens to the actor that stands at this point."""
        if self.quiet or not self._is_disturbed(actor):
            return "go"
        if self.rng.random() < 0.1:
            self.world.move_clock(self.world.now + timedelta(milliseconds=self.rng.choice((1, 20, 700, 5000))))
        if self.rng.random() < self.mood.slips:
            self.world.slip(timedelta(milliseconds=self.rng.choice((1, 500, 5000))))
        luck = self.rng.random()
        if what.startswith(self.mood.fatal) and self._crashes_to_come and luck < 0.4:
            self._crashes_to_come -= 1
            return self._way_to_die(what)
        if luck < self.mood.crash:
            return self._way_to_die(what)
        return "pause" if luck < (0.8 if what.startswith(self.mood.meeting) else self.mood.pause) else "go"

    def _way_to_die(self, what: str) -> str:
        return "lose" if self.rng.random() < 0.3 and what.startswith(("ledger", "transport")) else "crash"

    def _is_disturbed(self, actor: Actor) -> bool:
        task = self.world.task_of(actor)
        if task is not None:
            return task.step in self.mood.focus
        return ("pulse" if actor.name.endswith("pulse") else "deed") in self.mood.focus

    def rage(self) -> None:
        """Let tasks start, go on, crash and be repeated in a drawn order, for some turns."""
        for _ in range(self.mood.turns):
            if not self._turn():
                return

    def _turn(self) -> bool:  # noqa: C901, PLR0912 - one branch for each thing that can happen
        """Let one thing happen; False when nothing can happen any more."""
        world, rng = self.world, self.rng
        ready = world.ready()
        while calm := [task for task in ready if task.step not in self.mood.focus]:
            to_its_end(world, rng, world.start(calm[0]))
            ready = world.ready()
        actors = world.scheduler.actors
        able = [actor for actor in actors if actor.can_run]
        awake = [actor for actor in able if actor not in self._asleep] or able
        if not able and actors and (not ready or rng.random() < 0.5):
            world.resume(actors[-1])
            return True
        event, brinks, asked = world.next_event(), world.brinks(), world.asked()
        if not able and not ready and not asked and event is None:
            return False
        actions = self.mood.meddling | {
            "go on": 10.0 * bool(able),
            "start": 20.0 * bool(ready),
            "answer": 5.0 * bool(asked),
            "next event": (self.mood.haste if able or ready else 10.0) * (event is not None),
        }
        for needless in ("crash", "lose contact", "sleep"):
            actions[needless] *= bool(actors)
        actions["brink"] *= bool(brinks)
        action = rng.choices(list(actions), list(actions.values()))[0]
        world.scheduler.trace.append(f"-- {action}")
        if action == "go on":
            # Those who have not come to the meeting yet go first: the others wait for them there.
            late = [actor for actor in awake if not actor.at.startswith(self.mood.meeting)]
            world.resume(rng.choice(late if late and rng.random() < 0.85 else awake))
        elif action == "start":
            task = rng.choice(ready)
            actor = world.start(task)
            if rng.random() < self.mood.twins:
                world.lose_contact(task)
            world.resume(actor)
        elif action == "next event":
            assert event is not None
            world.move_clock(event)
        elif action == "answer":
            self._answer(rng.choice(asked))
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

    def _answer(self, task: Task) -> None:
        """Let a person answer; who is asked the same once more is another one, and often says the opposite."""
        about = (task.run.campaign, task.run.scheduled_at)
        before = [said.is_yes for said in self.world.answers if (said.campaign, said.scheduled_at) == about]
        luck = self.rng.random()
        self.world.answer(task, is_yes=before[-1] == (luck < 0.2) if before else luck < 0.6)

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
        asked = [task for task in run.tasks.values() if task.state == "asked"]
        if action == "mark answered" and asked:
            asked[0].state = "success"
        if action == "clear" and done:
            world.clear(run, rng.choice(done))
