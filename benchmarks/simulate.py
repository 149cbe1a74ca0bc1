"""Thirty days of a daily campaign with three reattempt rules, simulated.

    python benchmarks/simulate.py [--recipients 100000] [--days 30]

Prints one table. Four in ten main attempts do not reach their person at first, so that the rules have work all day.
"""

from __future__ import annotations

import argparse
import resource
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from table import Row, show

from outcamp.frames.phone_cache import phone_automaton
from outcamp.steps.simulate import simulate

AT = datetime(2026, 11, 30, 15, tzinfo=UTC)  # a Monday, 10 o'clock in New York
CAMPAIGN = """
name: benchmark
segment: {file: recipients.parquet}
channel: sms
channels: {sms: {body: hello}, automated_voice: {flow: hello}, agent_voice: {flow: hello}}
communication_limits: [{count: 2, within: 1 day}, {count: 4, within: 1 week}]
communication_time:
  time_zone: recipient
  detect: [area_code]
  active: [{days: mon-sat, from: "09:00", to: "20:00"}]
reattempts:
  - {when: [unreachable], channel: sms, wait: 30 minutes}
  - {when: [unreachable, failed], channel: automated_voice, wait: 2 hours}
  - {when: [no_answer, busy], channel: agent_voice, wait: 3 hours}
schedule: {start: now, repeat: daily}
"""
AREAS = np.array(["212", "415", "312", "305", "206", "303", "713", "617"])
# What becomes of an attempt, if it does not end well at once: its number, channel, share, disposition.
MISSES = (
    (1, "sms", 0.25, "unreachable"),
    (1, "sms", 0.15, "failed"),
    (2, "sms", 0.4, "unreachable"),
    (2, "automated_voice", 0.5, "no_answer"),
)


def recipients(count: int) -> pa.Table:
    """Make up people in four time zones, a telephone each."""
    rng = np.random.default_rng(7)
    area, number = AREAS[rng.integers(0, len(AREAS), count)], rng.integers(2_000_000, 9_999_999, count)
    phones = [f"+1{a}{n}" for a, n in zip(area, number, strict=True)]
    return pa.table({"recipient_id": [f"customer-{n:09d}" for n in rng.permutation(count)], "phone": phones})


def outcomes(people: pa.Table) -> pa.Table:
    """Make up who is not reached, and after how many minutes that is known."""
    rng = np.random.default_rng(8)
    ids = people["recipient_id"].to_numpy()
    draws = {(attempt, channel): rng.random(len(ids)) for attempt, channel, _, _ in MISSES}
    tables, below = [], dict.fromkeys(draws, 0.0)
    for attempt, channel, share, disposition in MISSES:
        key = (attempt, channel)
        chosen = ids[(draws[key] >= below[key]) & (draws[key] < below[key] + share)]
        below[key] += share
        columns = {"attempt": attempt, "channel": channel, "disposition": disposition}
        after = rng.choice([60.0, 300.0, 900.0, 3600.0], len(chosen))
        tables.append(pa.table({"recipient_id": chosen, "after": after} | {name: [value] * len(chosen) for name, value in columns.items()}))
    return pa.concat_tables(tables)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipients", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=30)
    args = parser.parse_args()
    people = recipients(args.recipients)
    script = outcomes(people)
    phone_automaton()
    start = time.perf_counter()
    until = AT + timedelta(days=args.days)
    found = simulate(CAMPAIGN, "benchmark.yaml", people, None, script, None, AT, until, timedelta(minutes=5))
    seconds = time.perf_counter() - start
    summary = found.summary
    whole = (args.recipients, args.days) == (100_000, 30)  # what the target is for
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    what = f"{args.recipients:,} recipients, {args.days} days, three rules"
    sizes = f"{summary['waves']:,} waves, {summary['candidates']:,} verdicts, {summary['submitted']:,} sends"
    show(
        f"simulate: {sizes}",
        [
            Row(what, f"{seconds:.1f} s", "60 s" if whole else "", seconds <= 60),
            Row("the same, for each send", f"{seconds / summary['submitted'] * 1e6:.0f} us"),
            Row("the books balance", str(summary["balanced"]), "True", summary["balanced"]),
            Row("peak memory of this process", f"{memory:,.0f} MiB", "1,500 MiB", memory < 1500),
        ],
    )


if __name__ == "__main__":
    main()
