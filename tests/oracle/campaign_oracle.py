"""A whole campaign simulated the slow and obvious way, from docs/rules.md alone and without any code of the product."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from oracle.judge import Judge
from oracle.records import Row
from oracle.walk import Walk
from oracle.words import under_our_names

UNDERSTOOD = {
    *("name", "description", "owner", "segment", "channel", "channels", "endpoints", "communication_limits", "counts", "on_limit"),
    *("reattempts", "communication_time", "schedule", "entry_limits", "while_active", "holdout"),
}


@dataclass
class Result:
    """What a simulation gives: the rows of the two files, and the summary."""

    verdicts: list[Row]
    attempts: list[Row]
    summary: Row


def simulate_by_hand(
    campaign: dict[str, Any],
    recipients: list[Row],
    history: list[Row],
    outcomes: list[Row],
    at: datetime,
    *,
    until: datetime | None,
    wave_interval: int,
    suppressions: list[Row] | None = None,
    held_out: Callable[[str], bool] = lambda _: False,
) -> Result:
    """Simulate a campaign from ``at`` on and return its verdicts and attempts.

    Args:
        campaign: the plain data of a campaign file.
        recipients: rows with the columns that ``outcamp simulate`` reads, as are the next two.
        history: earlier communications.
        outcomes: what becomes of attempts.
        at: the instant at which the simulation starts.
        until: the last instant that is simulated; without it, it ends when nothing is due any more.
        wave_interval: seconds between the instants at which waves run that are no occurrences.
        suppressions: who must not be contacted.
        held_out: says who is in the holdout, which the product decides by a hash of its own.
    """
    unknown = set(campaign) - UNDERSTOOD
    if unknown:
        raise ValueError(f"The oracle does not understand {sorted(unknown)}.")
    judge = Judge(campaign, history, suppressions or [], held_out)
    rows = [under_our_names(row, campaign) for row in recipients]
    walk = Walk(judge, rows, outcomes, at)
    walk.run(until, timedelta(seconds=wave_interval))
    return Result(walk.verdicts, walk.attempt_rows(), walk.summary())
