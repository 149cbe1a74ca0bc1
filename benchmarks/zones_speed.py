"""Time zones and next openings of a million recipients as columns, against what people write: one row at a time.

    PYTHONPATH=plugins .venv/bin/python benchmarks/zones_speed.py [ROWS]

The rows that are done one at a time are a sample, scaled; each of them must have the same answer as in the column.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytz
from table import Row, show

from outcamp.core.communication_time import CommunicationTime, Window
from outcamp.core.open_times import OpenTimes
from outcamp.frames.open_times import next_open_column
from outcamp.frames.zones import zone_sets

NOW = datetime(2026, 10, 30, 23, 30, tzinfo=UTC)
SAMPLE = 2_000
WINDOWS = tuple(Window(days=(0, 1, 2, 3, 4), start_minute=start, end_minute=end) for start, end in ((540, 720), (780, 1080)))
AMERICAN = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Phoenix", "Pacific/Honolulu")


def recipients(rows: int) -> dict[str, pa.Table]:
    """Return lists of recipients: by zone names of one country and of the world, by ZIP codes, by cities."""
    random = np.random.default_rng(1)
    zips = [f"{number:05}" for number in random.integers(1_000, 99_950, 30_000)]
    cities = [("TX", "El Paso"), ("TX", "Austin"), ("CA", "Fresno"), ("FL", "Pensacola"), ("NY", "Utica"), ("IN", "Gary"), ("AZ", "Mesa")]
    places = random.integers(0, len(cities), rows)
    return {
        "time_zone, United States": pa.table({"time_zone": pa.array(AMERICAN).take(random.integers(0, len(AMERICAN), rows))}),
        "time_zone, world": pa.table(
            {"time_zone": pa.array(pytz.common_timezones).take(random.integers(0, len(pytz.common_timezones), rows))}
        ),
        "address, ZIP codes": pa.table({"country": ["US"] * rows, "postal_code": pa.array(zips).take(random.integers(0, len(zips), rows))}),
        "address, region and city": pa.table(
            {
                "country": ["US"] * rows,
                "region": pa.array([region for region, _ in cities]).take(places),
                "city": pa.array([city for _, city in cities]).take(places),
            }
        ),
    }


def next_open_of_one(zones: list[str]) -> datetime | None:
    """Return when one recipient's zones are next all open, trying the first zone's windows day by day, and stopping at the first."""
    clocks = [pytz.timezone(zone) for zone in zones]
    if all(is_open(NOW.astimezone(clock)) for clock in clocks):
        return NOW
    midnight = NOW.astimezone(clocks[0]).replace(tzinfo=None, hour=0, minute=0)
    for day in range(8):
        for window in WINDOWS:
            opening = clocks[0].localize(midnight + timedelta(days=day, minutes=window.start_minute)).astimezone(UTC)
            if opening > NOW and all(is_open(opening.astimezone(clock)) for clock in clocks):
                return opening
    return None


def is_open(wall: datetime) -> bool:
    """Tell whether a wall clock is in a window."""
    minute = wall.hour * 60 + wall.minute
    return any(wall.weekday() in window.days and window.start_minute <= minute < window.end_minute for window in WINDOWS)


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """Return a call's answer and the median of the seconds that it took; the first time, which fills the caches, does not count."""
    call()
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        answer = call()
        seconds.append(time.perf_counter() - start)
    return answer, statistics.median(seconds)


def main() -> None:
    """Measure, and print the table."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    shown = []
    for name, table in recipients(rows).items():
        source = "column" if "time_zone" in table.column_names else "address"
        communication_time = CommunicationTime(time_zone="recipient", detect=(source,), active=WINDOWS)
        zones, zone_seconds = timed(lambda table=table, rule=communication_time: zone_sets(table, rule))
        open_times = OpenTimes.of(communication_time, "sms")
        instants, open_seconds = timed(lambda zones=zones, rule=open_times: next_open_column(rule, zones, NOW))

        sample = zones.slice(0, SAMPLE).to_pylist()
        start = time.perf_counter()
        one_by_one = [next_open_of_one(zones_of_one.split("|")) if zones_of_one else None for zones_of_one in sample]
        slow = (time.perf_counter() - start) * rows / len(sample)
        if one_by_one != instants.slice(0, SAMPLE).to_pylist():
            raise SystemExit(f"{name}: the column and the rows differ.")
        shown += [
            Row(f"{name}: zones", f"{zone_seconds:.3f} s"),
            Row(f"{name}: next openings", f"{open_seconds:.3f} s"),
            Row(f"{name}: next openings, one at a time, scaled", f"{slow:.0f} s"),
            Row(f"{name}: next openings, against one at a time", f"{slow / open_seconds:,.0f} x"),
        ]
    show(f"zones and next openings: {rows:,} recipients", shown)


if __name__ == "__main__":
    main()
