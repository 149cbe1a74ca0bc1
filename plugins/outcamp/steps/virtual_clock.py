"""The virtual clock: it jumps from one moment at which anything is due to the next, and runs the waves of each by the real steps.

Between two waves nothing is decided, so outcomes that happen there are taken in by the wave after them, each with its own
instant; only those that may make something due wake the clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa

from outcamp.core.errors import BrokenPromise
from outcamp.core.run_key import run_key
from outcamp.core.schedule import latest_occurrence, next_occurrence
from outcamp.steps.engine import Engine, Segment
from outcamp.steps.fan_out import fan_out
from outcamp.steps.feed_back import feed_back
from outcamp.steps.filter import filter_part
from outcamp.steps.ingest import ingest
from outcamp.steps.next_wave import grid_after
from outcamp.steps.review import answer
from outcamp.steps.send import send
from outcamp.steps.snapshot import prepare_wave, snapshot_due, snapshot_occurrence
from outcamp.store import claims, outcomes, rehearsal
from outcamp.store.waves import PartRow
from outcamp.transports.scripted import ScriptedTransport


@dataclass(frozen=True)
class Wave:
    """What one wave decided. ``sequence`` is 0 for an occurrence's wave, which comes first, and 1 for one of due attempts."""

    at: datetime
    sequence: int
    candidates: int
    verdicts: list[pa.Table]


@dataclass(frozen=True)
class Played:
    """All waves in order, and every attempt that was submitted."""

    waves: list[Wave]
    attempts: pa.Table


class NoRuns:
    """The DAG runs of a simulation: a wave is over before the next one begins."""

    def live(self, runs: list[str]) -> set[str]:
        """Return all of them."""
        return set(runs)

    def make(self, run: str, at: datetime) -> None:
        """Refuse: the clock alone makes waves."""
        raise NotImplementedError(f"the virtual clock makes no runs ({run}, {at})")

    def again(self, run: str, at: datetime) -> None:
        """Refuse as well."""
        self.make(run, at)


class VirtualClock:
    """Runs one campaign over its recipients, from wave to wave."""

    def __init__(self, engine: Engine, segment: Segment, transport: ScriptedTransport, to_come: Sequence[datetime] = ()) -> None:
        """``to_come``: the instants of the history's communications that lie after the first wave."""
        self._engine, self._segment, self._transport = engine, segment, transport
        self._to_come = sorted(to_come, reverse=True)
        self._waves: list[Wave] = []

    def run(self, at: datetime, until: datetime | None) -> Played:
        """Run all waves, and return what they decided and sent."""
        engine = self._engine
        schedule, published_at = engine.campaign.schedule, engine.manifest.published_at
        # Of the occurrences before the first instant only the latest one runs, as after any downtime.
        occurrence = latest_occurrence(schedule, published_at, at) or next_occurrence(schedule, published_at, at)
        now = at - timedelta(microseconds=1)
        while True:
            start = None if occurrence is None else max(occurrence, at)
            due = self._next_due(now)
            moments = [moment for moment in (start, due) if moment is not None]
            if not moments or (until is not None and min(moments) > until):
                break
            now = min(moments)
            self._let_history_come(now)
            found = prepare_wave(engine, run_key(now), now)
            # What is due now is claimed before the occurrence's wave makes anything else due.
            parts = snapshot_due(engine, run_key(now, 1), now, now) if due == now and found.by(now) else None
            if occurrence is not None and start == now:
                run = run_key(occurrence)
                self._decide(run, snapshot_occurrence(engine, self._segment, run, occurrence, now, due_at=now), now, 0)
                occurrence = next_occurrence(schedule, published_at, now)
            if parts is not None:
                self._decide(run_key(now, 1), parts, now, 1)
        ingest(engine, until or max(now, self._transport.ends_at() or now))
        with engine.ledger.transaction() as tx:
            return Played(self._waves, outcomes.submitted(tx, engine.register(tx).campaign_id))

    def _let_history_come(self, now: datetime) -> None:
        if self._to_come and self._to_come[-1] <= now:
            with self._engine.ledger.transaction() as tx:
                rehearsal.history_has_come(tx, now)
            while self._to_come and self._to_come[-1] <= now:
                self._to_come.pop()

    def _next_due(self, now: datetime) -> datetime | None:
        """Return the next wave instant after now at which anything may be due, or None."""
        with self._engine.ledger.transaction() as tx:
            due = claims.next_due(tx, self._engine.register(tx).campaign_id)
        # The deadlines in the ledger are not asked: the script knows which outcomes come in time, and wakes for the rest.
        moments = [due.waiting, due.expiry, now if due.deferred_is_free else None, self._transport.wakes_after(now)]
        first = min((moment for moment in moments if moment is not None), default=None)
        return None if first is None else grid_after(first, now, self._engine.wave_interval)

    def _decide(self, run: str, parts: list[PartRow], now: datetime, sequence: int) -> None:
        """Run the steps of one wave after its snapshot."""
        engine = self._engine
        candidates, verdicts = 0, list[pa.Table]()
        for part in parts:
            decided = filter_part(engine, run, part.part, now)
            if decided is None:
                raise BrokenPromise(f"wave {run} has lost its part {part.part}", next_step="report it with the input of the simulation")
            candidates += decided.rows
            verdicts += [engine.lake.read(ref) for ref in decided.files if ref.dataset == "verdicts"]
        if parts:
            self._waves.append(Wave(now, sequence, candidates, verdicts))
            batches = fan_out(engine, run, now)
            if engine.campaign.review:
                answer(engine, run, now, approved=True)  # nobody is there to be asked
            for batch in batches:
                send(engine, run, batch.batch, lambda: now)
        feed_back(engine, run, now)
