"""simulate: the whole campaign on a virtual clock, by the same steps, with a throw-away ledger.

The clock jumps from wave to wave. Between two waves nothing is decided, so outcomes that happen there are taken in by the
wave after them, each with its own instant; only those that may make something due wake the clock.
"""

from __future__ import annotations

import tempfile
import uuid
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from outcamp.core.campaign import Limit
from outcamp.core.campaign_file import campaign_of
from outcamp.core.document import read_document
from outcamp.core.errors import BrokenPromise, CampaignFileError, UsageError
from outcamp.core.manifest import seal_manifest
from outcamp.core.run_key import run_key
from outcamp.core.schedule import latest_occurrence, next_occurrence
from outcamp.core.support import not_supported_yet
from outcamp.steps import simulation_input
from outcamp.steps.engine import Engine
from outcamp.steps.fan_out import fan_out
from outcamp.steps.feed_back import feed_back
from outcamp.steps.filter import filter_part
from outcamp.steps.ingest import ingest
from outcamp.steps.next_wave import grid_after
from outcamp.steps.send import send
from outcamp.steps.simulation_wakes import wake_at
from outcamp.steps.snapshot import prepare_wave, snapshot_due, snapshot_occurrence
from outcamp.steps.validate import missing_in_messages, read_templates
from outcamp.store import claims, outcomes
from outcamp.store.datasets import VERDICTS
from outcamp.store.embedded import throw_away_database, throw_away_server
from outcamp.store.lake import Lake
from outcamp.store.ledger import Ledger
from outcamp.store.waves import PartRow
from outcamp.transports.scripted import ScriptedTransport

_KEPT = 256 * 1024 * 1024  # of the snapshots that one due wave after another reads


@dataclass(frozen=True)
class Simulation:
    """What a simulation found: every verdict, every attempt that was submitted, and the funnel."""

    verdicts: pa.Table
    attempts: pa.Table
    summary: dict[str, Any]


def simulate(
    campaign_text: str,
    file: str,
    recipients: pa.Table,
    history: pa.Table | None,
    outcomes: pa.Table | None,
    suppressions: pa.Table | None,
    at: datetime,
    until: datetime | None,
    wave_interval: timedelta,
    home: Path | None = None,
    postgres: str | None = None,
    total_limits: tuple[Limit, ...] = (),
) -> Simulation:
    """Run a campaign file from ``at`` on, and return what would be decided and sent.

    Args:
        campaign_text: the YAML; ``file`` names it in errors.
        recipients: the segment; with a column ``occurrence``, each occurrence takes its own rows.
        history: earlier communications: recipient_id, campaign, contacted_at, active.
        outcomes: what becomes of attempts: recipient_id, attempt, channel, disposition, after.
        suppressions: recipient_id or endpoint, channel.
        until: the last instant; None: until nothing is due any more.
        home: where template files are looked for; None: templates are not checked.
        postgres: a running server in which to make the throw-away database; None: one is started.
    """
    document = read_document(campaign_text, file)
    campaign = campaign_of(document)
    refused = not_supported_yet(campaign, simulated=True, file=file)
    segment = simulation_input.segment_of(recipients, campaign)
    if home is not None:
        templates: dict[str, str] = {}
        refused += read_templates(campaign, home, templates)
        refused += missing_in_messages(campaign, templates, segment.columns)
    if refused:
        raise CampaignFileError(document.located([replace(finding, file=file) for finding in refused]))
    if until is None and campaign.schedule.repeat is not None and campaign.schedule.expires is None:
        raise UsageError(f"{file}: the campaign repeats without an end", next_step="give --until, the last instant to simulate")
    script = simulation_input.script_of(outcomes)
    known = simulation_input.suppressions_of(suppressions)
    past = simulation_input.history_of(history, campaign.name)
    manifest = seal_manifest(campaign, at, {}, {})
    transport = ScriptedTransport(script, lambda coming: wake_at(coming, campaign))
    with ExitStack() as stack:
        server = postgres or stack.enter_context(throw_away_server())
        uri = stack.enter_context(throw_away_database(server, f"simulation_{uuid.uuid4().hex}"))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="outcamp-lake-")))
        ledger = Ledger.at(uri)
        stack.callback(ledger.close)
        ledger.migrate()
        simulation_input.load(ledger, past, known, at)
        engine = Engine(
            manifest=manifest,
            ledger=ledger,
            lake=Lake(folder, durable=False, keep_bytes=_KEPT),
            transports=dict.fromkeys(campaign.channels_used, transport),
            runs=_NoRuns(),
            wave_interval=wave_interval,
            total_limits=total_limits,
        )
        return _Clock(engine, segment, transport).run(at, until)


class _NoRuns:
    """In a simulation a wave is over before the next one begins."""

    def live(self, runs: list[str]) -> set[str]:
        return set(runs)

    def make(self, run: str, at: datetime) -> None:
        raise NotImplementedError(f"the virtual clock makes no runs ({run}, {at})")


class _Clock:
    """Jumps from one moment at which anything is due to the next, and runs the waves of each."""

    def __init__(self, engine: Engine, segment: simulation_input.TableSegment, transport: ScriptedTransport) -> None:
        self._engine, self._segment, self._transport = engine, segment, transport
        self._verdicts: list[pa.Table] = []
        self._candidates = 0
        self._waves = 0

    def run(self, at: datetime, until: datetime | None) -> Simulation:
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
            found = prepare_wave(engine, run_key(now), now)
            # What is due now is claimed before the occurrence's wave makes anything else due.
            parts = snapshot_due(engine, run_key(now, 1), now, now) if due == now and found.by(now) else None
            if occurrence is not None and start == now:
                run = run_key(occurrence)
                self._decide(run, snapshot_occurrence(engine, self._segment, run, occurrence, now, due_at=now), now)
                occurrence = next_occurrence(schedule, published_at, now)
            if parts is not None:
                self._decide(run_key(now, 1), parts, now)
        ingest(engine, until or max(now, self._transport.ends_at() or now))
        return self._result()

    def _next_due(self, now: datetime) -> datetime | None:
        """Return the next wave instant after now at which anything may be due, or None."""
        with self._engine.ledger.transaction() as tx:
            due = claims.next_due(tx, self._engine.register(tx).campaign_id)
        # The deadlines in the ledger are not asked: the script knows which outcomes come in time, and wakes for the rest.
        moments = [due.waiting, due.expiry, now if due.deferred_is_free else None, self._transport.wakes_after(now)]
        first = min((moment for moment in moments if moment is not None), default=None)
        return None if first is None else grid_after(first, now, self._engine.wave_interval)

    def _decide(self, run: str, parts: list[PartRow], now: datetime) -> None:
        """Run the steps of one wave after its snapshot."""
        engine = self._engine
        for part in parts:
            decided = filter_part(engine, run, part.part, now)
            if decided is None:
                raise BrokenPromise(f"wave {run} has lost its part {part.part}", next_step="report it with the input of the simulation")
            self._candidates += decided.rows
            self._verdicts += [engine.lake.read(ref) for ref in decided.files if ref.dataset == "verdicts"]
        if parts:
            self._waves += 1
            for batch in fan_out(engine, run, now):
                send(engine, run, batch.batch, lambda: now)
        feed_back(engine, run, now)

    def _result(self) -> Simulation:
        engine = self._engine
        verdicts = pa.concat_tables(self._verdicts) if self._verdicts else VERDICTS.empty_table()
        with engine.ledger.transaction() as tx:
            attempts = outcomes.submitted(tx, engine.register(tx).campaign_id)
        by_reason = Counter(zip(verdicts["verdict"].to_pylist(), verdicts["reason"].to_pylist(), strict=True))
        sends = by_reason.get(("send", None), 0)
        summary = {
            "campaign": engine.campaign.name,
            "waves": self._waves,
            "candidates": self._candidates,
            "send": sends,
            "later": {reason: n for (verdict, reason), n in sorted(by_reason.items(), key=str) if verdict == "later"},
            "drop": {reason: n for (verdict, reason), n in sorted(by_reason.items(), key=str) if verdict == "drop"},
            "submitted": attempts.num_rows,
            "dispositions": dict(sorted(Counter(attempts["disposition"].to_pylist()).items(), key=str)),
            "balanced": self._candidates == verdicts.num_rows == sum(by_reason.values()) and sends == attempts.num_rows,
        }
        return Simulation(verdicts, attempts, summary)
