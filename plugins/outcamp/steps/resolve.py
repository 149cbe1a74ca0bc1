"""resolve: what people find out about attempts whose submission is unknown. It corrects the books, and never submits anything again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pandas as pd
import pyarrow as pa

from outcamp.core.dispositions import REPORTED, Channel
from outcamp.core.errors import UsageError, closest
from outcamp.segments.finding_files import FINDINGS
from outcamp.steps.ingest import never_reached
from outcamp.steps.suppress_by_outcome import suppress_by_outcome
from outcamp.store import campaigns, outcomes
from outcamp.store.datasets import ATTEMPT_KEYS
from outcamp.store.ledger import Ledger


@dataclass(frozen=True)
class Doubt:
    """An attempt of which nobody knows whether it was submitted."""

    occurrence: int
    recipient_id: str
    attempt: int
    channel: str
    submitted_at: datetime


def doubts(ledger: Ledger, campaign: str) -> list[Doubt]:
    """Return a campaign's attempts in doubt, in order."""
    return [Doubt(**row) for row in _in_doubt(ledger, campaign).drop_columns("occurrence_id").to_pylist()]


def findings_of(recipients: list[str], disposition: str) -> pa.Table:
    """Return what is said of all attempts in doubt of these recipients at once (``FINDINGS``)."""
    return pa.Table.from_pylist([{"recipient_id": name, "disposition": disposition} for name in recipients], schema=FINDINGS)


def resolve(ledger: Ledger, campaign: str, findings: pa.Table, now: datetime) -> int:
    """Write down what became of attempts in doubt (``FINDINGS``), and return how many there were.

    It is dated at the submission, so that whatever the channel itself still reports, which is later, replaces it. If one of the findings
    is about nothing that is in doubt, contradicts another, or says what the channel cannot report, nothing is written.
    """
    doubtful = _in_doubt(ledger, campaign)
    said = findings.to_pandas(types_mapper=pd.ArrowDtype).drop_duplicates(ignore_index=True).rename_axis("row").reset_index()
    pairs = said.merge(doubtful.to_pandas(types_mapper=pd.ArrowDtype), on="recipient_id", suffixes=("_said", ""))
    for name in ("occurrence", "attempt"):
        pairs = pairs[(pairs[name] == pairs[f"{name}_said"]).fillna(value=True)]
    about_nothing = said[~said["row"].isin(pairs["row"])]
    if len(about_nothing):
        _refuse_unknown(campaign, about_nothing["recipient_id"].unique().tolist(), doubtful["recipient_id"].unique().to_pylist())
    settled = pairs[[*ATTEMPT_KEYS.names, "channel", "disposition", "submitted_at"]].drop_duplicates()
    twice = settled[settled.duplicated(ATTEMPT_KEYS.names)]
    if len(twice):
        problem = f"Two things are said of attempt {twice['attempt'].iloc[0]} of {twice['recipient_id'].iloc[0]!r}."
        raise UsageError(problem, next_step="Leave in what is true.")
    for channel, disposition in settled[["channel", "disposition"]].drop_duplicates().itertuples(index=False):
        _check_disposition(Channel(channel), disposition)
    rows = pa.Table.from_pandas(settled.rename(columns={"submitted_at": "disposed_at"}), preserve_index=False)
    rows = rows.append_column("unreached", never_reached(rows["channel"], rows["disposition"]))
    with ledger.transaction() as tx:
        campaign_id = campaigns.campaign_id_of(tx, campaign)
        if campaign_id is None:
            return 0
        suppress_by_outcome(tx, rows, now)
        return len(outcomes.record(tx, campaign_id, rows))


def _refuse_unknown(campaign: str, names: list[str], known: list[str]) -> None:
    """Say who has no such attempt in doubt, and who looks like it."""
    more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
    near = None if names[0] in known else closest(names[0], known)
    next_step = f"Did you mean {near!r}?" if near else f"outcamp resolve {campaign} lists them."
    raise UsageError(f"{campaign} has no such attempt in doubt for {', '.join(map(repr, names[:5]))}{more}.", next_step=next_step)


def _check_disposition(channel: Channel, disposition: str) -> None:
    if disposition not in REPORTED[channel]:
        near = closest(disposition, REPORTED[channel])
        next_step = f"Did you mean {near!r}?" if near else f"The dispositions of {channel}: {', '.join(REPORTED[channel])}."
        raise UsageError(f"{channel} reports no disposition {disposition!r}.", next_step=next_step)


def _in_doubt(ledger: Ledger, campaign: str) -> pa.Table:
    with ledger.transaction() as tx:
        campaign_id = campaigns.campaign_id_of(tx, campaign)
        return outcomes.DOUBTS.empty_table() if campaign_id is None else outcomes.in_doubt(tx, campaign_id)
