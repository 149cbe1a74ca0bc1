"""When each recipient may next be contacted: the rule is asked once for each distinct set of zones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from outcamp.core.open_times import OpenTimes
from outcamp.core.zones import split_zones

INSTANT = pa.timestamp("us", "UTC")


def next_open_column(open_times: OpenTimes, zone_set: pa.DictionaryArray, now: datetime, before: datetime | None = None) -> pa.Array:
    """Return for each row the first instant from ``now`` on at which all its zones are open; null if there is none before ``before``.

    A row without zones has none, unless the campaign restricts no time: then it is ``now``. Without ``before``, the search ends 400 days
    after ``now`` or the last exception.

    Args:
        open_times: of the channel.
        zone_set: zones joined by ``|``, as ``frames.zones.zone_sets`` gives them.
        now: the wave's instant.
        before: the campaign's expiry.
    """
    if open_times.always:
        instant = open_times.next_open(now, (), before)
        return pa.repeat(pa.scalar(instant, INSTANT), len(zone_set))
    return _by_zone_set(zone_set, lambda zones: open_times.next_open(now, zones, before))


def closes_at_column(open_times: OpenTimes, zone_set: pa.DictionaryArray, now: datetime, before: datetime | None = None) -> pa.Array:
    """Return for each row, open ``now``, the first instant at which it is not any more; null if there is none before ``before``."""
    if open_times.always:
        return pa.nulls(len(zone_set), INSTANT)
    return _by_zone_set(zone_set, lambda zones: open_times.closes_at(now, zones, before))


def _by_zone_set(zone_set: pa.DictionaryArray, instant_of: Callable[[tuple[str, ...]], datetime | None]) -> pa.Array:
    # A filtered or sliced column keeps the whole dictionary; only what occurs is worth a search.
    occurring = set(pc.unique(zone_set.indices).to_pylist())
    instants = [instant_of(split_zones(zones)) if code in occurring else None for code, zones in enumerate(zone_set.dictionary.to_pylist())]
    return pa.array(instants, type=INSTANT).take(zone_set.indices)
