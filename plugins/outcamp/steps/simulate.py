"""simulate: the whole campaign on a virtual clock, by the same steps, with a throw-away ledger.

No rule ties one recipient to another, so many of them are simulated in shares: each has its own process, clock and ledger, and
what the shares decided is put together as if it had been one. A share is a range of buckets, so that even the order is the same.
"""

from __future__ import annotations

import os
import tempfile
import uuid
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from outcamp.core.campaign import Limit
from outcamp.core.campaign_file import campaign_of
from outcamp.core.document import read_document
from outcamp.core.errors import CampaignFileError, UsageError
from outcamp.core.manifest import Manifest, seal_manifest
from outcamp.core.refused_settings import refused_settings
from outcamp.steps import simulation_input
from outcamp.steps.engine import Engine
from outcamp.steps.simulation_wakes import wake_at
from outcamp.steps.validate import missing_endpoints, missing_in_messages, read_templates
from outcamp.steps.virtual_clock import NoRuns, Played, VirtualClock, Wave
from outcamp.store.datasets import VERDICTS
from outcamp.store.embedded import throw_away_database, throw_away_server
from outcamp.store.lake import Lake
from outcamp.store.ledger import Ledger
from outcamp.transports.scripted import ScriptedTransport

_KEPT = 256 * 1024 * 1024  # of the snapshots that one due wave after another reads
_SHARE_ROWS = 10_000  # fewer recipients are not worth a share of their own


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
    shares: int | None = None,
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
        postgres: a running server in which to make the throw-away databases; None: one is started.
        shares: in how many shares, at once; None: one for each processor, if there are recipients enough.
    """
    document = read_document(campaign_text, file)
    campaign = campaign_of(document)
    refused = refused_settings(campaign, simulated=True, file=file)
    segment = simulation_input.segment_of(recipients, campaign)
    if home is not None:
        templates: dict[str, str] = {}
        refused += read_templates(campaign, home, templates)
        refused += missing_in_messages(campaign, templates, segment.columns)
    # Rules can be tried without numbers, but whoever names columns means one that is there.
    if campaign.endpoints and not set(campaign.endpoint_columns) & set(segment.columns):
        refused += missing_endpoints(campaign, segment.columns, [])
    if refused:
        raise CampaignFileError(document.located([replace(finding, file=file) for finding in refused]))
    if until is None and campaign.schedule.repeat is not None and campaign.schedule.expires is None:
        raise UsageError(f"{file}: the campaign repeats without an end", next_step="give --until, the last instant to simulate")
    script = simulation_input.script_of(outcomes)
    known = simulation_input.suppressions_of(suppressions)
    past = simulation_input.history_of(history, campaign.name)
    shares = shares or max(1, min(os.cpu_count() or 1, segment.table.num_rows // _SHARE_ROWS))
    # Nobody would resume it: a simulation tells what the rules do, whatever comes back.
    campaign = campaign.model_copy(update={"breakers": None})
    rehearsal = _Rehearsal(seal_manifest(campaign, at, {}, {}), at, until, wave_interval, total_limits)
    with ExitStack() as stack:
        server = postgres or stack.enter_context(throw_away_server())
        play = partial(rehearsal.play, server, known)
        tables = [simulation_input.shares_of(table, shares) for table in (segment.table, script, past)]
        if shares > 1:
            pool = stack.enter_context(ProcessPoolExecutor(shares, mp_context=get_context("spawn")))
            return _simulation(campaign.name, list(pool.map(play, *tables)))
        return _simulation(campaign.name, list(map(play, *tables)))


@dataclass(frozen=True)
class _Rehearsal:
    """What all shares have in common."""

    manifest: Manifest
    at: datetime
    until: datetime | None
    wave_interval: timedelta
    total_limits: tuple[Limit, ...]

    def play(self, server: str, known: pa.Table, people: pa.Table, script: pa.Table, past: pa.Table) -> Played:
        """Play the campaign for one share of its recipients, in a database that is thrown away."""
        campaign = self.manifest.campaign
        transport = ScriptedTransport(script, lambda coming: wake_at(coming, campaign))
        with ExitStack() as stack:
            uri = stack.enter_context(throw_away_database(server, f"simulation_{uuid.uuid4().hex}"))
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="outcamp-lake-")))
            ledger = Ledger.at(uri)
            stack.callback(ledger.close)
            ledger.migrate()
            simulation_input.load(ledger, past, known, self.at)
            engine = Engine(
                manifest=self.manifest,
                ledger=ledger,
                lake=Lake(folder, durable=False, keep_bytes=_KEPT),
                transports=dict.fromkeys(campaign.channels_used, transport),
                runs=NoRuns(),
                wave_interval=self.wave_interval,
                total_limits=self.total_limits,
                suppresses=False,
            )
            to_come = past["contacted_at"].filter(pc.greater(past["contacted_at"], pa.scalar(self.at, past["contacted_at"].type)))
            return VirtualClock(engine, simulation_input.TableSegment(people), transport, to_come.to_pylist()).run(self.at, self.until)


def _simulation(campaign: str, shares: list[Played]) -> Simulation:
    """Put together what the shares decided: wave by wave, and within a wave share by share, which is the order of the buckets."""

    def instant(wave: Wave) -> tuple[datetime, int]:
        return wave.at, wave.sequence

    in_order = sorted((wave for share in shares for wave in share.waves), key=instant)
    tables = [table for wave in in_order for table in wave.verdicts]
    verdicts = pa.concat_tables(tables) if tables else VERDICTS.empty_table()
    attempts = pa.concat_tables(share.attempts for share in shares)
    if len(shares) > 1:
        attempts = attempts.sort_by([("occurrence", "ascending"), ("recipient_id", "ascending"), ("attempt", "ascending")])
    candidates = sum(wave.candidates for wave in in_order)
    by_reason = Counter(zip(verdicts["verdict"].to_pylist(), verdicts["reason"].to_pylist(), strict=True))
    sends = by_reason.get(("send", None), 0)
    summary = {
        "campaign": campaign,
        "waves": len({instant(wave) for wave in in_order}),
        "candidates": candidates,
        "send": sends,
        "later": {reason: n for (verdict, reason), n in sorted(by_reason.items(), key=str) if verdict == "later"},
        "drop": {reason: n for (verdict, reason), n in sorted(by_reason.items(), key=str) if verdict == "drop"},
        "submitted": attempts.num_rows,
        "dispositions": dict(sorted(Counter(attempts["disposition"].to_pylist()).items(), key=str)),
        "balanced": candidates == verdicts.num_rows == sum(by_reason.values()) and sends == attempts.num_rows,
    }
    return Simulation(verdicts, attempts, summary)
