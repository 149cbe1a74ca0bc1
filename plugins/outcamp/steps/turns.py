"""Waiting for one's turn: a campaign's pace holds across all workers, and across the campaigns that share a connection."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from outcamp.core.channels import Pace
from outcamp.core.dispositions import Channel
from outcamp.core.pacing import PUNCTUAL, WARM_UP, at_once, kept_pace, least_lag, next_lag, soon, takes
from outcamp.core.sms_parts import sms_length
from outcamp.steps.engine import Engine
from outcamp.steps.second_look import Later
from outcamp.store.paces import PaceKey, delay_turns, promise_turns, take_turn
from outcamp.transports.base import CONTENT, PROMPT

_GLANCE: Final = timedelta(seconds=2)  # whoever waits asks this often whether the campaign was paused


class Turns:
    """The turns of one channel of a campaign."""

    def __init__(
        self, engine: Engine, channel: Channel, pace: Pace, clock: Callable[[], datetime], wait: Callable[[timedelta], None]
    ) -> None:
        self._engine, self._pace, self._clock, self._wait = engine, pace, clock, wait
        self._key = PaceKey(engine.campaign.channels[channel].transport, channel, engine.campaign.name, kept_pace(pace))
        self._least_lag = self._lag = least_lag(pace)
        self._at = clock()
        self._is_warm = False
        self.at_once = at_once(pace)

    def fitting(self, units: NDArray[np.int64]) -> int:
        """Return how many of these rows go at once: at least one."""
        return max(int(np.searchsorted(np.cumsum(units), self.at_once, side="right")), 1)

    def take(self, units: int, paused: Callable[[], bool]) -> datetime | None:
        """Wait for a turn of so many messages; return None once it has come, or somebody paused; otherwise when it would come: not soon."""
        now = self._clock()
        until = now + soon(self._pace, units, self._engine.wave_interval)
        while True:
            with self._engine.ledger.transaction() as tx:
                at, taken = take_turn(tx, self._key, units, now, until - now)
                if taken and not self._is_warm:
                    delay_turns(tx, self._key, WARM_UP)
            if not taken and at > until:
                return at
            while at > now:
                if paused():
                    return None
                self._wait(min(at - now, _GLANCE))
                now = self._clock()
            if taken:
                self._at, self._is_warm = at, True
                return None

    def depart(self) -> datetime | None:
        """Let a chunk go, and return when it does: as long after its turn as the others, or with a delay for those after it.

        None: its turn is so long ago that it had better take another one, for which the others would have to wait as long.
        """
        now = self._clock()
        if now - self._at > PROMPT:
            return None
        self._lag, delay = next_lag(now - self._at, self._lag, self._least_lag)
        goes_at = self._at + self._lag
        if goes_at > now:
            self._wait(goes_at - now)
        while True:
            telling = timedelta(0)
            if delay:
                with self._engine.ledger.transaction() as tx:
                    delay_turns(tx, self._key, delay)
                goes_at, telling = goes_at + delay, self._clock() - now
            now = self._clock()
            if now - self._at > PROMPT:
                return None
            if now - goes_at <= PUNCTUAL:
                return now
            delay = now - goes_at + telling  # it overslept, or the ledger is slow to take a delay, and will be again

    def put_off(self, rows: int, units_each: float, at: datetime) -> Later:
        """Return when so many rows are due again, one after the other, if the next turn comes at this instant."""
        each = takes(self._pace, units_each)
        with self._engine.ledger.transaction() as tx:
            return Later("pace", promise_turns(tx, self._key, at, rows * each, self._clock()), each)


def units_of(chunk: pa.Table, made: NDArray[np.bool_], channel: Channel) -> NDArray[np.int64]:
    """Return what each row counts: a text message as many as it has parts, anything else one, and nothing what cannot be made."""
    name = f"{CONTENT}body"
    if channel != Channel.SMS or name not in chunk.column_names:
        return made.astype(np.int64)
    return np.array([sms_length(text).parts if text is not None else 0 for text in chunk[name].to_pylist()], np.int64)
