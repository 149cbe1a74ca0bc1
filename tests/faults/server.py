"""The receiving side: what really arrived, in a log that no crash of ours can touch, and what becomes of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pyarrow as pa

from faults.scheduler import Actor, Scheduler
from outcamp.core.errors import Permanent, SourceUnavailable
from outcamp.transports.base import ANSWERS, OUTCOMES, Capabilities

Key = tuple[int, str, int]  # occurrence_id, recipient_id, attempt

# What can become of a message: whether it is said at once, and with which code.
CODES = ("delivered", "delivered", "delivered", "blocked", "unreachable", "failed", "opted_out")
NEVER_ARRIVED = frozenset({"blocked", "invalid_number", "unreachable", "expired", "failed"})  # of an SMS; by hand, from docs/rules.md


class Refusal(Permanent):
    """The other side takes nothing before somebody has acted."""


@dataclass(frozen=True)
class Arrival:
    """One message that arrived.

    ``decided``: the instant by which it was decided; ``waited``: for locks, since then. ``looked``: how many ledger transactions there had
    been when that instant was read. ``in_pause``: whether the campaign had been seen paused. ``turn``: when it was its turn, by the
    promise to ``carrier``, which believed that it ``left`` then; ``read``: what the clock said last, which may have been set back.
    """

    campaign: str
    key: Key
    endpoint: str
    channel: str
    at: datetime
    decided: datetime
    waited: timedelta
    commit: int  # the number of the transaction that moved it
    looked: int
    in_pause: bool
    turn: datetime | None
    left: datetime
    read: datetime
    carrier: Actor
    number: int  # of all arrivals


@dataclass
class Outcome:
    """What became of a message, and when that can be known here."""

    campaign: str
    key: Key
    channel: str
    disposition: str
    disposed_at: datetime
    comes_at: datetime
    acknowledged_at: datetime | None = None
    commit: int = 0  # the number of a transaction by which it stood in the books; 0: none is known


@dataclass
class Server:
    """Takes messages, writes each into its log, and lets become of it what the seed says."""

    seed: str
    log: list[Arrival] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    answered: dict[Key, str] = field(default_factory=dict)  # what became of a message, said at once
    carriers: dict[Key, Actor] = field(default_factory=dict)  # and to which try that was said
    disclosed: dict[Key, int] = field(default_factory=dict)  # proven undelivered: how many had arrived when that was first said
    turned_away: Counter[Key] = field(default_factory=Counter)  # how often a message was certainly not taken
    in_doubt: set[tuple[str, int]] = field(default_factory=set)  # submissions of which some answer was that nobody knows
    _moods: Random = field(init=False)

    def __post_init__(self) -> None:
        self._moods = Random(f"moods {self.seed}")
        self._throttles, self._loses_track, self._refuses = (
            self._moods.choice(often) for often in ((0.0, 0.0, 0.1, 0.4), (0.0, 0.0, 0.1), (0.0, 0.0, 0.0, 0.1))
        )

    def meet(self, keys: list[Key]) -> None:
        """Refuse a whole submission, if that is today's mood."""
        if self._moods.random() < self._refuses:
            self.turned_away.update(keys)
            raise Refusal("Nothing is taken from you", next_step="somebody acts")

    def take(self, arrival: Arrival) -> dict[str, Any]:
        """Take one message and answer; or do not take it, or do not say."""
        nothing = {"message_id": None, "disposition": None, "disposed_at": None, "until": None}
        if self._moods.random() < self._throttles:
            self.turned_away[arrival.key] += 1
            until = self._moods.choice((None, timedelta(seconds=20), timedelta(minutes=7)))
            status = self._moods.choice(("throttled", "later"))
            return nothing | {"status": status, "until": None if until is None else arrival.decided + until}
        if self._moods.random() < self._loses_track:
            self.in_doubt.add((arrival.campaign, arrival.commit))
            if self._moods.random() < 0.5:
                self.log.append(arrival)
            return nothing | {"status": "unknown"}
        return {**self._answer(arrival), "until": None}

    def _answer(self, arrival: Arrival) -> dict[str, Any]:
        self.log.append(arrival)
        fate = Random(f"{self.seed}/{arrival.key}/{sum(old.key == arrival.key for old in self.log)}")
        code, kind = fate.choice(CODES), fate.choice(("now", "later", "later", "never"))
        message_id = f"m{arrival.number}"
        if kind == "now":
            self.answered[arrival.key] = code
            self._prove(arrival.key, code)
            status = "refused" if code in NEVER_ARRIVED else "accepted"
            return {"status": status, "message_id": message_id, "disposition": code, "disposed_at": arrival.decided}
        if kind == "later":
            self._plan(arrival, code, fate)
        return {"status": "accepted", "message_id": message_id, "disposition": None, "disposed_at": None}

    def _plan(self, arrival: Arrival, code: str, fate: Random) -> None:
        """Let an outcome come: now and then late, twice, or contradicted by another one."""
        happens = arrival.at + timedelta(minutes=fate.choice((0, 1, 20, 90, 600)))
        comes = happens + timedelta(minutes=fate.choice((0, 0, 15, 2000)))
        codes = fate.choice(([code], [code], [code, code], [code, fate.choice(CODES)]))
        for told in codes:
            self.outcomes.append(Outcome(arrival.campaign, arrival.key, arrival.channel, told, happens, comes))
            comes += timedelta(minutes=fate.choice((0, 45)))

    def _prove(self, key: Key, code: str) -> None:
        if code in NEVER_ARRIVED:
            self.disclosed.setdefault(key, len(self.log))

    def known(self, campaign: str, now: datetime, clock: datetime) -> list[Outcome]:
        """Return the outcomes of a campaign that have happened by now, have come, and were not acknowledged."""
        found = [
            outcome
            for outcome in self.outcomes
            if outcome.campaign == campaign and outcome.acknowledged_at is None and outcome.disposed_at <= now and outcome.comes_at <= clock
        ]
        for outcome in found:
            self._prove(outcome.key, outcome.disposition)
        return found

    def next_outcome(self, after: datetime) -> datetime | None:
        """Return when the next outcome comes."""
        return min((outcome.comes_at for outcome in self.outcomes if outcome.comes_at > after), default=None)

    def has_more(self) -> bool:
        """Tell whether an outcome was not taken in yet."""
        return not all(outcome.acknowledged_at for outcome in self.outcomes)


class Door:
    """The transport as one try of a step sees it; each message that goes through is a point before and after."""

    def __init__(self, server: Server, scheduler: Scheduler, campaign: str, chunk_size: int) -> None:
        self.capabilities = Capabilities(chunk_size=chunk_size)
        self._server, self._scheduler, self._campaign = server, scheduler, campaign
        self._handed_out: list[Outcome] = []

    def submit(self, rows: pa.Table, now: datetime) -> pa.Table:
        """Hand rows to the server, one by one."""
        self._point("submit")
        answers = []
        actor = self._scheduler.running
        assert actor is not None
        messages = rows.to_pylist()
        keys = [(row["occurrence_id"], row["recipient_id"], row["attempt"]) for row in messages]
        self._server.meet(keys)
        for key, row in zip(keys, messages, strict=True):
            arrival = Arrival(
                campaign=self._campaign,
                key=key,
                endpoint=row["endpoint"],
                channel=row["channel"],
                at=self._scheduler.now,
                decided=actor.instant,
                waited=actor.waited,
                commit=actor.decided,
                looked=actor.looked,
                in_pause=actor.saw_pause,
                turn=actor.turn,
                left=actor.knows,
                read=actor.read,
                carrier=actor,
                number=len(self._server.log),
            )
            answers.append(self._server.take(arrival))
            self._server.carriers[key] = actor
            self._point("submitted")
        return pa.Table.from_pylist(answers, schema=ANSWERS)

    def outcomes(self, now: datetime) -> pa.Table:
        """Return what has come."""
        self._point("outcomes")
        self._handed_out = self._server.known(self._campaign, now, self._scheduler.now)
        rows = [
            {
                **dict(zip(("occurrence_id", "recipient_id", "attempt"), outcome.key, strict=True)),
                "channel": outcome.channel,
                "disposition": outcome.disposition,
                "disposed_at": outcome.disposed_at,
            }
            for outcome in self._handed_out
        ]
        return pa.Table.from_pylist(rows, schema=OUTCOMES)

    def acknowledge(self, now: datetime) -> None:
        """Forget what was handed out by this door; what came meanwhile stays."""
        self._point("acknowledge")
        for outcome in self._handed_out:
            if outcome.acknowledged_at is None and self._scheduler.running is not None:
                outcome.commit = self._scheduler.running.last_commit
            outcome.acknowledged_at = outcome.acknowledged_at or self._scheduler.now

    def _point(self, what: str) -> None:
        if self._scheduler.point(f"transport {what}") == "lose":
            raise SourceUnavailable(f"The transport of {self._campaign} did not answer at {what}", next_step="it is tried again")
