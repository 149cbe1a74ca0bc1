"""One thing at a time: every actor is a thread, and exactly one of them, or the driver, holds the baton.

An actor gives the baton away at *points*, the operations that the proxies of ``operations.py`` watch. What happens at a
point (go on, pause, crash, lose the connection) is decided by the driver's policy, from the seed alone, so a run repeats.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol


class Crash(BaseException):
    """The process of an actor ends here, at this very instruction."""


class Blocked(Protocol):
    """A statement that waits in the server for a lock that another actor holds."""

    def can_go_on(self) -> bool:
        """Tell, once it is certain, whether the statement has its answer (True) or waits (False)."""

    def cancel(self) -> None:
        """Let the server give the statement up."""


class Actor:
    """One try of a task, alive until its work ends, fails or crashes."""

    def __init__(self, scheduler: Scheduler, name: str, work: Callable[[Actor], Any]) -> None:
        self.name = name
        self.started = self.ended = self.crashed = False
        self.result: Any = None
        self.error: BaseException | None = None
        self.blocked: Blocked | None = None
        self.in_transaction = False
        self.order = "go"
        self.at = "start"
        self.last_commit = 0  # the number of its newest ledger transaction among those of all actors
        self.waited = timedelta(0)  # for locks, on the virtual clock, since it last read that clock
        self._scheduler, self._work = scheduler, work
        self._baton = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def can_run(self) -> bool:
        """Tell whether giving it the baton would get anywhere."""
        return not self.ended and self.blocked is None

    def wake(self, order: str) -> None:
        """Give this actor the baton."""
        self.order = order
        if not self.started:
            self.started = True
            self._thread.start()
        self._baton.release()

    def sleep(self) -> str:
        """Wait for the baton, and return what was ordered with it."""
        self._baton.acquire()
        return self.order

    def join(self) -> None:
        """Wait for the thread of an actor that has ended."""
        if self.started:
            self._thread.join()

    def _run(self) -> None:
        try:
            if self.sleep() != "go":
                raise Crash
            self.result = self._work(self)
        except Crash:
            self.crashed = True
        except BaseException as error:  # noqa: BLE001  # whatever a step raises is judged by the driver
            self.error = error
        finally:
            self.ended = True
            self._scheduler.give_back()


class Scheduler:
    """Holds the actors and the virtual clock, hands the baton around, and writes down what happened."""

    def __init__(self, start: datetime, decide: Callable[[Actor, str], str]) -> None:
        self.now = start
        self.actors: list[Actor] = []
        self.running: Actor | None = None
        self.trace: list[str] = []
        self.commits = 0  # ledger transactions so far: the order in which things were decided
        self._decide = decide
        self._driver = threading.Semaphore(0)

    def read_clock(self) -> datetime:
        """Return the instant, as a step reads it."""
        if self.running is not None:
            self.running.waited = timedelta(0)
        return self.now

    def committed(self) -> None:
        """Number a ledger transaction."""
        self.commits += 1
        if self.running is not None:
            self.running.last_commit = self.commits

    def add(self, name: str, work: Callable[[Actor], Any]) -> Actor:
        """Add an actor, which starts when it first gets the baton."""
        actor = Actor(self, name, work)
        self.actors.append(actor)
        return actor

    def resume(self, actor: Actor, order: str = "go") -> None:
        """Let an actor go on until it pauses, blocks or ends; any order but ``go`` is its end."""
        if actor.blocked is not None:
            # Its thread sits in the server's wait: the statement is given up first, and the order meets it there.
            actor.blocked.cancel()
        self.running = actor
        actor.wake(order)
        self._driver.acquire()
        self.running = None
        if actor.ended:
            actor.join()
            self.actors.remove(actor)

    def give_back(self) -> None:
        """Give the baton back to the driver; called by the thread that holds it."""
        self._driver.release()

    def point(self, what: str) -> str:
        """Stand at an operation: return ``go`` or ``lose``, or crash; outside of actors nothing ever happens here."""
        actor = self.running
        if actor is None:
            return "go"
        actor.at = what
        self.trace.append(f"{actor.name}: {what}")
        order = self._decide(actor, what)
        if order == "pause":
            self.give_back()
            order = actor.sleep()
        if order == "crash":
            self.trace.append(f"{actor.name}: CRASHES at {what}")
            raise Crash
        return order

    def wait_for_lock(self, blocked: Blocked) -> str:
        """Park the running actor until its statement has its answer, and return what was ordered then."""
        actor = self.running
        assert actor is not None
        actor.blocked = blocked
        self.trace.append(f"{actor.name}: waits for a lock at {actor.at}")
        since = self.now
        self.give_back()
        order = actor.sleep()
        actor.blocked = None
        actor.waited += self.now - since
        return order

    def settle(self) -> None:
        """After locks were released: let every statement that got its lock come to its answer, before anybody goes on."""
        for actor in self.actors:
            if actor.blocked is not None and actor.blocked.can_go_on():
                actor.blocked = None
