"""One thing at a time: every actor is a greenlet, and exactly one of them, or the driver, runs.

An actor gives way at *points*, the operations that the proxies of ``operations.py`` watch. What happens at a
point (go on, pause, crash, lose the connection) is decided by the driver's policy, from the seed alone, so a run repeats.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

from greenlet import greenlet


class Crash(BaseException):
    """The process of an actor ends here, at this very instruction."""


class Blocked(Protocol):
    """A statement that waits in the server for a lock that another actor holds."""

    def waits_for(self, ended: object) -> bool:
        """Tell whether it waited for the session that has just ended its transaction."""

    def can_go_on(self) -> bool:
        """Tell, once it is certain, whether the statement has its answer (True) or waits (False)."""

    def cancel(self) -> None:
        """Let the server give the statement up."""


class Actor:
    """One try of a task, alive until its work ends, fails or crashes."""

    def __init__(self, name: str, work: Callable[[Actor], Any], now: datetime) -> None:
        self.name = name
        self.ended = self.crashed = False
        self.result: Any = None
        self.error: BaseException | None = None
        self.blocked: Blocked | None = None
        self.in_transaction = False
        self.at = "start"
        self.begun = 0  # how many ledger transactions there had been when its newest one began
        self.last_commit = 0  # the number of its newest ledger transaction among those of all actors
        self.decides = False  # whether it has read the clock in the transaction that is open: what that one decides is of that instant
        self.decided = 0  # the number of its newest transaction that decided anything
        self.looked = 0  # how many transactions there had been when that one read the clock
        self.instant = now  # which it read there
        self.saw_pause = False
        self.waited = timedelta(0)  # for locks, on the virtual clock, between that and the commit
        self.read = now  # the instant that it has read last, and how long it has waited since
        self.knows = now  # the latest of those: the clock may have been set back since
        self.turn: datetime | None = None  # its newest one on the connection to the receiving server
        self._work = work
        self._greenlet = greenlet(self._run)

    @property
    def can_run(self) -> bool:
        """Tell whether letting it go on would get anywhere."""
        return not self.ended and self.blocked is None

    def learn(self, now: datetime) -> None:
        """Note what the clock says, as far as it knows."""
        self.read, self.knows = now, max(self.knows, now)

    def wake(self, order: str) -> None:
        """Let it run, from where it is, until it gives way or ends."""
        self._greenlet.switch(order)

    def give_way(self) -> str:
        """Go back to the driver, and return what is ordered when it is this actor's turn again."""
        order: str = self._greenlet.parent.switch()
        return order

    def _run(self, order: str) -> None:
        try:
            if order != "go":
                raise Crash
            self.result = self._work(self)
        except Crash:
            self.crashed = True
        except Exception as error:  # noqa: BLE001 - whatever a step raises is judged by the driver
            self.error = error
        finally:
            self.ended = True


class Scheduler:
    """Holds the actors and the virtual clock, says whose turn it is, and writes down what happened."""

    def __init__(self, start: datetime, decide: Callable[[Actor, str], str]) -> None:
        self.now = start
        self.actors: list[Actor] = []
        self.running: Actor | None = None
        self.trace: list[str] = []
        self.commits = 0  # ledger transactions so far: the order in which things were decided
        self._decide = decide

    def read_clock(self) -> datetime:
        """Return the instant, as a step reads it."""
        if self.running is not None:
            self.running.learn(self.now)
            if self.running.in_transaction:
                self.running.decides = True
                self.running.waited = timedelta(0)
                self.running.looked = self.commits
                self.running.instant = self.now
        return self.now

    def committed(self) -> None:
        """Number a ledger transaction."""
        self.commits += 1
        if self.running is not None:
            self.running.last_commit = self.commits
            if self.running.decides:
                self.running.decided = self.commits

    def add(self, name: str, work: Callable[[Actor], Any]) -> Actor:
        """Add an actor, which starts at its first turn."""
        actor = Actor(name, work, self.now)
        self.actors.append(actor)
        return actor

    def resume(self, actor: Actor, order: str = "go") -> None:
        """Let an actor go on until it pauses, blocks or ends; any order but ``go`` is its end."""
        if actor.blocked is not None:
            # It stands in the server's wait: the statement is given up first, and the order meets it there.
            actor.blocked.cancel()
        self.running = actor
        actor.wake(order)
        self.running = None
        if actor.ended:
            self.actors.remove(actor)

    def point(self, what: str) -> str:
        """Stand at an operation: return ``go`` or ``lose``, or crash; outside of actors nothing ever happens here."""
        actor = self.running
        if actor is None:
            return "go"
        actor.at = what
        self.trace.append(f"{actor.name}: {what}")
        order = self._decide(actor, what)
        if order == "pause":
            order = actor.give_way()
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
        order = actor.give_way()
        actor.blocked = None
        if actor.decides:
            actor.waited += max(self.now - since, timedelta(0))
        return order

    def settle(self, ended: object) -> None:
        """After a session let its locks go: let every statement that got them come to its answer, before anybody goes on."""
        for actor in self.actors:
            if actor.blocked is not None and actor.blocked.waits_for(ended) and actor.blocked.can_go_on():
                actor.blocked = None
