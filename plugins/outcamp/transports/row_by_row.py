"""Asking a provider for one row at a time, several rows at once: the answers keep the order of the rows.

What is asked says by an exception what became of its row; the words are those of ``base``.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, Final

import pyarrow as pa

from outcamp.core.errors import Permanent
from outcamp.transports.base import BACKOFF, NOT_TAKEN, PROMPT, VALID_UNTIL, answers_of

WIDTH: Final = 8  # requests on their way at once
_IN_A_ROW: Final = 5  # rows that are all to come later, after which the others are not asked for any more
_CLOCK: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # goes on while the machine sleeps
log = logging.getLogger(__name__)

Row = Mapping[str, Any]


class Refused(Exception):
    """The provider does not take this row, and never will; the arguments are the disposition, and the message's id where it has one."""

    def __init__(self, disposition: str, message_id: str | None = None) -> None:
        super().__init__(disposition)
        self.message_id = message_id


class NotTaken(Exception):
    """The provider certainly did not take this row, and may later; the arguments are why, and from when on."""

    def __init__(self, why: str, until: datetime | None = None) -> None:
        super().__init__(why)
        self.until = until


class Later(NotTaken):
    """The provider did not take this row now; the next ones may go. Where it says so of one after the other, it means all of them."""


class NotAsked(NotTaken):
    """There was no sense in asking for this row now, for a reason of its own; the next ones go."""


class InDoubt(Exception):
    """The row was on its way, and nobody knows whether the provider has it."""


Taken = str | Mapping[str, Any] | None  # the provider's message id, or the columns of the answer


def uptime() -> float:
    """Return the seconds on a clock that goes on while the machine sleeps, and that nobody sets."""
    return time.clock_gettime(_CLOCK)


def row_by_row(
    provider: str,
    rows: pa.Table,
    now: datetime,
    ask: Callable[[Row, datetime], Taken],
    width: int = WIDTH,
    *,
    begun: float | None = None,
    seconds: Callable[[], float] | None = None,
) -> pa.Table:
    """Ask for each row and return ``ANSWERS``; ``ask`` is told the instant, and returns what was taken, or raises one of those above.

    Once the provider asks to wait, or refuses for good (``Permanent``), rows that were not asked for yet wait too. So do those that two
    minutes were not enough for, since ``begun`` by the clock ``seconds``: ``now``, which it was then, may be outside their hours by then.
    """
    seconds = seconds or uptime
    asking = _Asking(provider, now, ask, seconds, seconds() if begun is None else begun)
    with ThreadPoolExecutor(width) as pool:
        answers = list(pool.map(asking.answer, rows.to_pylist()))
    if asking.wait is not None:
        _warn(provider, *asking.wait)
    if asking.is_late:
        log.warning("%s was slow: who was not asked for within %s is looked at again", provider, PROMPT)
    if asking.refusal is not None and all(answer["status"] in NOT_TAKEN for answer in answers):
        raise asking.refusal
    return answers_of(answers)


def nobody(provider: str, rows: pa.Table, now: datetime, why: NotTaken) -> pa.Table:
    """Return ``ANSWERS`` of a chunk that was not even begun: everybody waits."""
    until = why.until or now + BACKOFF
    _warn(provider, until, str(why))
    return answers_of([{"status": "throttled", "until": until}] * rows.num_rows)


def _warn(provider: str, until: datetime, why: str) -> None:
    log.warning("%s takes no more until %s: %s", provider, until, why)


class _Asking:
    """One chunk on its way; its threads tell each other when to stop."""

    def __init__(
        self, provider: str, now: datetime, ask: Callable[[Row, datetime], Taken], seconds: Callable[[], float], begun: float
    ) -> None:
        self._provider, self._now, self._ask = provider, now, ask
        self._seconds, self._begun = seconds, begun
        self.is_late = False
        self.wait: tuple[datetime, str] | None = None  # until when, and why
        self.refusal: Permanent | None = None  # why nothing will be taken before somebody acts
        self._later = 0  # how many rows in a row are to come later

    def answer(self, row: Row) -> dict[str, Any]:
        if self.wait is not None:
            return {"status": "throttled", "until": self.wait[0]}
        gone_by = timedelta(seconds=self._seconds() - self._begun)
        if gone_by > PROMPT:
            self.is_late = True
            return {"status": "later", "until": self._now}
        try:
            taken = self._ask(row, self._now + gone_by)
            self._later = 0
            return {"status": "accepted", **(taken if isinstance(taken, Mapping) else {"message_id": taken})}
        except Refused as refused:
            self._later = 0
            disposition = {"disposition": str(refused), "disposed_at": self._now}
            return {"status": "refused", "message_id": refused.message_id, **disposition}
        except InDoubt as why:
            log.warning("%s left a message unknown: %s", self._provider, why)
            return {"status": "unknown"}
        except NotAsked as why:
            return {"status": "later", "until": why.until or self._now + BACKOFF}
        except Later as why:
            self._later += 1
            until = why.until or self._now + BACKOFF
            return self._stop(until, str(why)) if self._later >= _IN_A_ROW else {"status": "later", "until": until}
        except NotTaken as why:
            return self._stop(why.until or self._now + BACKOFF, str(why))
        except Permanent as refusal:
            self.refusal = refusal
            # What was answered is true; whoever is left meets the same refusal first, and is not in doubt then.
            return self._stop(self._now, refusal.message)

    def _stop(self, until: datetime, why: str) -> dict[str, Any]:
        self.wait = (until, why)
        return {"status": "throttled", "until": until}


def seconds_left(row: Row, now: datetime, shortest: int, longest: int) -> int | None:
    """Return for how many whole seconds from now a provider may hold a row's message, at most the longest that it knows; None: any time.

    Less than the shortest that it knows is no time to send: the row waits.
    """
    valid_until: datetime | None = row[VALID_UNTIL]
    if valid_until is None:
        return None
    left = math.floor((valid_until - now) / timedelta(seconds=1))
    if left < shortest:
        raise NotAsked("too little time is left to hand the message on", until=max(valid_until, now))
    return min(left, longest)
