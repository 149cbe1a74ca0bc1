"""What the ledger says of a campaign as a whole: its recorded facts, its funnel and what became of its attempts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from outcamp.store.ledger import Transaction


@dataclass(frozen=True)
class Facts:
    """The recorded facts from which a campaign's state is derived."""

    campaign_id: int
    name: str
    published_at: datetime
    expires_at: datetime | None
    final_occurrence_at: datetime | None
    stopped_at: datetime | None
    deleted_at: datetime | None
    error_at: datetime | None
    error_reason: str | None
    live: bool  # an occurrence is to come or being decided, or somebody is in the campaign


@dataclass(frozen=True)
class Counts:
    """How many of a campaign's rows are where. ``funnel``: verdict, reason and rows; ``dispositions``: channel, disposition, attempts."""

    occurrences: int
    waves: int
    candidates: int
    funnel: tuple[tuple[str, str, int], ...]
    submitted: int
    waiting: int
    in_hand: int
    awaiting: int
    open_entries: int
    dispositions: tuple[tuple[str, str, int], ...]


def facts(tx: Transaction, now: datetime) -> dict[str, Facts]:
    """Return the facts of every campaign that the ledger knows, by name."""
    return {row[1]: Facts(*row) for row in tx.run("campaign-facts", now=now, name=None)}


def facts_of(tx: Transaction, name: str, now: datetime) -> Facts | None:
    """Return the facts of one campaign; None when the ledger does not know it."""
    row = tx.one("campaign-facts", now=now, name=name)
    return Facts(*row) if row else None


def counts(tx: Transaction, campaign_id: int) -> Counts:
    """Return a campaign's counts."""
    occurrences, waves, candidates = tx.one("wave-counts", campaign_id=campaign_id)
    funnel = tuple(tx.run("funnel-of-campaign", campaign_id=campaign_id))
    by_state = {state: (rows, went) for state, rows, went in tx.run("attempts-by-state", campaign_id=campaign_id)}
    return Counts(
        occurrences=occurrences,
        waves=waves,
        candidates=candidates,
        funnel=funnel,
        submitted=sum(went for _, went in by_state.values()),
        waiting=by_state.get("waiting", (0, 0))[0],
        in_hand=by_state.get("claimed", (0, 0))[0] + by_state.get("submitting", (0, 0))[0],
        awaiting=by_state.get("sent", (0, 0))[0],
        open_entries=tx.one("open-entries", campaign_id=campaign_id)[0],
        dispositions=tuple(tx.run("dispositions-of-campaign", campaign_id=campaign_id)),
    )


def wave_rows(tx: Transaction, campaign: str) -> list[tuple[str, datetime, int | None, int, int]]:
    """Return the waves of a campaign that considered anybody: run, instant, number of the occurrence, candidates, sends."""
    return tx.run("waves-of-campaign", campaign=campaign)
