"""What the steps of one campaign work with. Simulate, the fault harness and the DAG build one of these and run the same steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Protocol

import pyarrow as pa

from outcamp.core.campaign import Campaign, Limit
from outcamp.core.dispositions import Channel
from outcamp.core.manifest import Manifest
from outcamp.core.open_times import OpenTimes
from outcamp.core.schedule import expires_at, next_occurrence
from outcamp.store import campaigns, outcomes
from outcamp.store.campaigns import CampaignRow
from outcamp.store.lake import Lake
from outcamp.store.ledger import Ledger, Transaction
from outcamp.store.outcomes import Followed, RuleRow
from outcamp.transports.base import Transport

MAX_BATCHES = 1000  # of one wave; Airflow maps at most 1024
PART_ROWS = 250_000  # of one part, at most, unless a single bucket has more


class Segment(Protocol):
    """Where an occurrence's recipients come from."""

    def read(self, occurrence: int) -> Iterator[pa.Table]:
        """Yield the rows of this occurrence (0, 1, 2 ...), under the names that mean something."""

    def excluded(self) -> pa.Array:
        """Return the ids of those who are left out."""


class Runs(Protocol):
    """The engine's view of DAG runs: who is alive, make another one, and run one once more."""

    def live(self, runs: list[str]) -> set[str]:
        """Return those of these run keys whose run is still queued or running."""

    def make(self, run: str, at: datetime) -> None:
        """Make a run that starts at this instant; one that exists already is left alone."""

    def again(self, run: str, at: datetime) -> None:
        """Run the wave of the occurrence at this instant once more: its run has ended or is gone, and not everybody is decided."""


@dataclass(frozen=True)
class Engine:
    """One published campaign with its ledger, lake, transports and runs."""

    manifest: Manifest
    ledger: Ledger
    lake: Lake
    transports: Mapping[Channel, Transport]
    runs: Runs
    wave_interval: timedelta = timedelta(minutes=5)
    total_limits: tuple[Limit, ...] = ()
    part_rows: int = PART_ROWS
    suppresses: bool = True  # whether outcomes suppress by themselves; not in simulate
    read_columns: frozenset[str] = field(default_factory=frozenset)  # beyond the rules' own: those of the templates
    _row: list[CampaignRow] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def campaign(self) -> Campaign:
        """Return the campaign's settings."""
        return self.manifest.campaign

    @cached_property
    def expires_at(self) -> datetime | None:
        """Return the instant from which nothing is sent any more."""
        return expires_at(self.campaign.schedule)

    @cached_property
    def open_times(self) -> dict[Channel, OpenTimes]:
        """Return the open times of each channel that the campaign uses."""
        return {channel: OpenTimes.of(self.campaign.contact_time, channel) for channel in self.campaign.channels_used}

    @cached_property
    def rules(self) -> list[RuleRow]:
        """Return the reattempt rules, a row for each disposition that they name."""
        return rule_rows(self.campaign)

    @cached_property
    def limits(self) -> list[tuple[int, timedelta]]:
        """Return the campaign's own communication limits."""
        return [(limit.count, limit.within) for limit in self.campaign.limits]

    @cached_property
    def limits_in_total(self) -> list[tuple[int, timedelta]]:
        """Return the deployment's limits, if this campaign obeys them."""
        return [] if self.campaign.ignore_total_limits else [(limit.count, limit.within) for limit in self.total_limits]

    def register(self, tx: Transaction) -> CampaignRow:
        """Return the campaign's row in the ledger, written at its first use; what it holds never changes."""
        if self._row:
            return self._row[0]
        row = register(tx, self.manifest)
        if row.committed:
            self._row.append(row)
        return row

    def follow(self, tx: Transaction, disposed: outcomes.Rows) -> Followed:
        """Make what follows on attempts that were disposed in this transaction."""
        return outcomes.follow(tx, self.register(tx).campaign_id, disposed, self.rules, self.expires_at)

    def overtaken(self, scheduled_at: datetime | None, now: datetime) -> bool:
        """Tell whether the successor of an occurrence is due already: then it decides nobody any more."""
        if scheduled_at is None:
            return False
        successor = next_occurrence(self.campaign.schedule, self.manifest.published_at, scheduled_at)
        return successor is not None and successor <= now

    def expired(self, now: datetime) -> bool:
        """Tell whether the campaign has expired."""
        return self.expires_at is not None and now >= self.expires_at


def register(tx: Transaction, manifest: Manifest) -> CampaignRow:
    """Return the row of a published campaign in the ledger, written at its first use."""
    campaign = manifest.campaign
    return campaigns.register(
        tx,
        name=campaign.name,
        seal=manifest.seal,
        published_at=manifest.published_at,
        expires_at=expires_at(campaign.schedule),
        final_occurrence_at=manifest.final_occurrence_at,
        ignores_total_limits=campaign.ignore_total_limits,
    )


def rule_rows(campaign: Campaign) -> list[RuleRow]:
    """Return the reattempt rules of a campaign, a row for each disposition that they name."""
    return [
        RuleRow(index, disposition, rule.channel, rule.wait, rule.times)
        for index, rule in enumerate(campaign.reattempts)
        for disposition in rule.when
    ]
