"""What outcamp says to Airflow's metrics, whatever they are sent by: StatsD, Datadog or OpenTelemetry.

Counters count what a call did and not what it found done, so a Clear counts nothing twice. Each carries the tag ``campaign``;
the reason is in the name, because plain StatsD knows no tags.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from airflow.sdk.observability.stats import Stats

CONSIDERED: Final = "outcamp.considered"
SEND: Final = "outcamp.verdict.send"
LATER: Final = "outcamp.verdict.later"
DROP: Final = "outcamp.verdict.drop"
SENT: Final = "outcamp.sent"
HANDED_BACK: Final = "outcamp.handed_back"
LAG: Final = "outcamp.wave_lag"
FAILED: Final = "outcamp.wave_failed"
UNKNOWN: Final = "outcamp.unknown"


def count_verdicts(campaign: str, funnel: Iterable[tuple[str, str, int]]) -> None:
    """Count the verdicts of a part that was just decided, each by its reason."""
    for verdict, reason, people in funnel:
        _count(CONSIDERED, campaign, people)
        name = {"send": SEND, "later": LATER, "drop": DROP}[verdict]
        _count(f"{name}.{reason}" if reason else name, campaign, people)


def count_sent(campaign: str, submitted: int, handed_back: int) -> None:
    """Count what a try of a batch handed to the transport, and what it gave back."""
    _count(SENT, campaign, submitted)
    _count(HANDED_BACK, campaign, handed_back)


def time_lag(campaign: str, lag: timedelta) -> None:
    """Tell how long after its instant a wave has begun."""
    Stats.timing(LAG, lag, tags={"campaign": campaign})


def count_failed(campaign: str) -> None:
    """Count a wave that failed for good."""
    _count(FAILED, campaign, 1)


def tell_unknown(attempts: int) -> None:
    """Tell of how many attempts of all campaigns nobody knows whether they went."""
    Stats.gauge(UNKNOWN, attempts)


def _count(name: str, campaign: str, by: int) -> None:
    if by:
        Stats.incr(name, by, tags={"campaign": campaign})
