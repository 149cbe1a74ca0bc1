"""Whether a pace is enough: when the last of many messages has gone, and how many have not gone when it is too late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, pairwise


@dataclass(frozen=True)
class Waiting:
    """Messages that may go from an instant on, while one of these stretches ``[opens, closes)`` lasts; they are sorted and apart."""

    messages: int
    due_at: datetime
    openings: tuple[tuple[datetime, datetime], ...]


@dataclass(frozen=True)
class Finish:
    """When the last message has gone, and how many have not gone by the end."""

    at: datetime | None
    left: int


def finish(waiting: Sequence[Waiting], per_second: float, end: datetime) -> Finish:
    """Return how far messages come at a pace until an instant, if those go first whose stretch closes first.

    Messages flow: a part of one is as good as a whole one, which is wrong by less than a message for each of ``waiting``.
    """
    edges = {end} | {edge for one in waiting for edge in (one.due_at, *chain.from_iterable(one.openings)) if edge < end}
    left = [float(one.messages) for one in waiting]
    at: datetime | None = None
    for start, until in pairwise(sorted(edges)):
        clock = start
        going = [(closes, place) for place, one in enumerate(waiting) if left[place] and (closes := _closes(one, start)) is not None]
        for _, place in sorted(going):
            goes = min(left[place], (until - clock).total_seconds() * per_second)
            left[place] -= goes
            clock += timedelta(seconds=goes / per_second)
            at = clock if goes else at
    return Finish(at, sum(round(messages) for messages in left))


def _closes(one: Waiting, now: datetime) -> datetime | None:
    """Return when the stretch closes in which these messages may go now; None when they may not."""
    if now < one.due_at:
        return None
    return next((closes for opens, closes in one.openings if opens <= now < closes), None)
