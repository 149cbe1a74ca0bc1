"""Turns on a connection: when so many messages may go, whoever sends them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from outcamp.store.ledger import Transaction


@dataclass(frozen=True)
class PaceKey:
    """Whose turn it is: a campaign's, on a connection and a channel, so many messages a second."""

    transport: str
    channel: str
    campaign: str
    per_second: float


def take_turn(tx: Transaction, key: PaceKey, units: int, now: datetime, soon: timedelta) -> tuple[datetime, bool]:
    """Return when so many messages may go, and whether the turn is taken: if it comes that soon, and only the connection delays it."""
    tx.run("lock-pace", transport=key.transport, channel=key.channel)
    at, taken = tx.one("take-turn", **asdict(key), units=float(units), now=now, soon=soon)
    return at, taken


def delay_turns(tx: Transaction, key: PaceKey, late: timedelta) -> None:
    """Let all turns that nobody has taken yet come so much later."""
    tx.run("lock-pace", transport=key.transport, channel=key.channel)
    tx.run("delay-turns", transport=key.transport, channel=key.channel, campaign=key.campaign, late=late)


def promise_turns(tx: Transaction, key: PaceKey, at: datetime, takes: timedelta, now: datetime) -> datetime:
    """Put aside so much of the campaign's time, not before ``at``, for rows that are handed back; return when it begins."""
    since: datetime = tx.one("promise-turns", **asdict(key), at=at, takes=takes, now=now)[0]
    return since
