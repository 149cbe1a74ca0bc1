"""Checks of the pace: when it was whose turn, and whether they kept to it.

The instant of an arrival says little of that: a worker that is parked between its turn and its submission is late, whatever it does.
So the turns are held against the pace, and each message against its turn, by the clock as its worker knew it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from faults.books import Books
from faults.campaigns import Pace
from faults.scheduler import Actor
from faults.server import Arrival


def paced(books: Books) -> Iterator[str]:
    """Turns are as far apart as the pace says, in a campaign and on the connection; each message has one, and none goes before it."""
    paces = {plan.name: plan.pace for plan in books.world.plans.values() if plan.pace is not None}
    log = [arrival for arrival in books.world.server.log if arrival.campaign in paces]
    for arrival in log:
        if arrival.turn is None or arrival.left < arrival.turn:
            yield f"{arrival.campaign} {arrival.key} left at {arrival.left}, and its turn was {arrival.turn}"
    for campaign, pace in paces.items():
        yield from _too_close(campaign, [arrival for arrival in log if arrival.campaign == campaign], pace)
    if paces:
        yield from _too_close("the connection", log, min(paces.values(), key=_distance))
    by_carrier: dict[Actor, list[Arrival]] = defaultdict(list)
    for arrival in log:
        by_carrier[arrival.carrier].append(arrival)
    for carrier, mine in by_carrier.items():
        yield from _too_many(carrier, mine, paces[mine[0].campaign])


def _distance(pace: Pace) -> float:
    count, within = pace
    return within.total_seconds() / count


def _too_close(whose: str, arrivals: list[Arrival], pace: Pace) -> Iterator[str]:
    """Yield turns that follow each other too soon."""
    turns = sorted(arrival.turn for arrival in arrivals if arrival.turn is not None)
    for one, other in pairwise(turns):
        if (other - one).total_seconds() < _distance(pace):
            yield f"{whose} had turns at {one} and {other}"


def _too_many(carrier: Actor, arrivals: list[Arrival], pace: Pace) -> Iterator[str]:
    """Yield where one worker alone sent too many: one that is late delays its next ones."""
    count, within = pace
    for first, beyond in zip(arrivals, arrivals[count:], strict=False):
        # Where the clock was set back, one of both is less than what went by.
        if max(beyond.left - first.left, beyond.read - first.read) < within:
            yield f"{carrier.name} sent more than {count} from {first.left} to {beyond.left}"
