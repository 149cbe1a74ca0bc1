"""When a campaign goes into Error by itself: too many of its attempts failed, or were complained about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from outcamp.core.dispositions import NEVER_REACHED, UNKNOWN, Channel
from outcamp.core.limits import Breakers
from outcamp.core.shares import format_share

# What proves that nobody was reached, and what nobody knows: both say that something is wrong between the campaign and its recipients.
FAILURES: Final[Mapping[Channel, frozenset[str]]] = MappingProxyType(
    {channel: codes | {UNKNOWN} for channel, codes in NEVER_REACHED.items()}
)
COMPLAINTS: Final = frozenset({"complained"})
# Of fewer outcomes a rate says little, and neither do one or two people.
LEAST_OUTCOMES: Final = 100
LEAST_CASES: Final = 3


@dataclass(frozen=True)
class Tally:
    """The outcomes of one channel of a campaign, since it began or somebody resumed it."""

    channel: str
    ended: int
    failed: int
    complained: int


def tripped(breakers: Breakers, tallies: Iterable[Tally]) -> str | None:
    """Return why the campaign must not go on, in words; None while no channel has passed a line."""
    for tally in tallies:
        lines = (
            ("errors", breakers.errors, tally.failed, "failed"),
            ("complaints", breakers.complaints, tally.complained, "were complained about"),
        )
        for name, line, cases, what in lines:
            if line is not None and cases >= LEAST_CASES and tally.ended >= LEAST_OUTCOMES and cases > line * tally.ended:
                share = f"{cases:,} of {tally.ended:,} {tally.channel} attempts {what} ({cases / tally.ended:.2%})"
                return f"{share}, and breakers.{name} is {format_share(line)}"
    return None
