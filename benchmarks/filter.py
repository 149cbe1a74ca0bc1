"""The filter of a million recipients: verdicts and batches on disk, against a loop over rows and against the floor of the hardware.

    python benchmarks/filter.py [--recipients 1000000] [--history 0]

The loop over rows runs on a sample and is scaled. The floor is what any filter must do at least: decode the snapshot's Parquet, look at
each phone once with a regular expression in C++, and write the same rows again. Everything runs a few times in turn, and of each part the
best time counts. What the ledger does with the verdicts is shown, and does not count: benchmarks/ledger.py measures it.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import phonenumbers
import phonenumbers.timezone
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from table import Row, show

from outcamp.core.campaign_file import campaign_of
from outcamp.core.document import read_document
from outcamp.core.manifest import seal_manifest
from outcamp.frames.hashing import buckets
from outcamp.frames.phone_cache import phone_automaton
from outcamp.steps.engine import Engine
from outcamp.steps.filter import filter_part
from outcamp.steps.simulation_input import TableSegment
from outcamp.steps.snapshot import snapshot_occurrence
from outcamp.store import admission, rehearsal
from outcamp.store.embedded import throw_away_server
from outcamp.store.lake import Lake
from outcamp.store.ledger import Ledger

NOW = datetime(2026, 12, 1, 16, tzinfo=UTC)
CAMPAIGN = """
name: benchmark
segment: {file: recipients.parquet}
channel: sms
channels: {sms: {body: hello}}
LIMITS
communication_time:
  time_zone: recipient
  detect: [column, address, area_code]
  active: [{days: mon-fri, from: "09:00", to: "12:00"}, {days: mon-fri, from: "13:00", to: "18:00"}]
schedule: {start: now}
"""
LIMITS = "communication_limits: [{count: 6, within: 2 days}, {count: 6, within: 2 weeks}]"
AREAS = np.array(["212", "415", "312", "305", "206", "303", "713", "617", "404", "702", "808", "907", "602", "615", "504", "214"])
COLUMNS = ["recipient_id", "phone", "country", "postal_code"]
SAMPLE = 3_000
ROUNDS = 3


def recipients(count: int) -> pa.Table:
    """Make up customers of the United States: an id, a phone in one of three spellings, a ZIP code."""
    rng = np.random.default_rng(7)
    area = AREAS[rng.integers(0, len(AREAS), count)]
    exchange, line = rng.integers(200, 999, count), rng.integers(0, 9999, count)
    spelling = rng.integers(0, 3, count)
    phones = [
        (f"+1{a}{e:03d}{n:04d}", f"({a}) {e:03d}-{n:04d}", f"{a}.{e:03d}.{n:04d}")[s]
        for a, e, n, s in zip(area, exchange, line, spelling, strict=True)
    ]
    ids = [f"customer-{number:09d}" for number in rng.permutation(count)]
    zips = [f"{code:05d}" for code in rng.integers(1000, 99950, count)]
    return pa.table(dict(zip(COLUMNS, (ids, phones, ["US"] * count, zips), strict=True)))


def by_row(table: pa.Table) -> pd.DataFrame:
    """Filter as people write it: one recipient at a time."""

    def verdict(row: pd.Series) -> tuple[str, str | None]:
        try:
            number = phonenumbers.parse(row["phone"], row["country"])
        except phonenumbers.NumberParseException:
            return "drop", "invalid_endpoint"
        if not phonenumbers.is_valid_number(number):
            return "drop", "invalid_endpoint"
        phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        zones = [ZoneInfo(name) for name in phonenumbers.timezone.time_zones_for_number(number)]
        instant = NOW
        while not all(_open(instant.astimezone(zone)) for zone in zones):
            instant += timedelta(minutes=15)
        return ("send", None) if instant == NOW else ("later", "window_closed")

    frame = table.to_pandas()
    frame["verdict"] = frame.apply(verdict, axis=1)
    return frame


def _open(local: datetime) -> bool:
    minute = local.hour * 60 + local.minute
    return local.weekday() < 5 and (540 <= minute < 720 or 780 <= minute < 1080)


def floor(snapshot: Path, folder: Path) -> None:
    """Do what no filter can leave out: decode, look at each phone once, write."""
    table = pq.read_table(snapshot, columns=COLUMNS)
    looked = pc.match_substring_regex(table["phone"], r"^\+?[0-9 ().-]{7,20}$")
    pq.write_table(table.append_column("looked", looked), folder / "floor.parquet", compression="zstd")


def best(rounds: list[list[float]]) -> float:
    """Return the sum of each part's best time."""
    return sum(map(min, zip(*rounds, strict=True)))


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that a piece of work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipients", type=int, default=1_000_000)
    parser.add_argument("--history", type=int, default=0, help="past communications in the ledger; limits are checked when there are any")
    args = parser.parse_args()
    count = args.recipients
    table = recipients(count)
    phone_automaton()
    naive: list[float] = []
    whole, columns, least = ([[] for _ in range(ROUNDS)] for _ in range(3))  # seconds by round and part
    with tempfile.TemporaryDirectory() as name, throw_away_server() as uri:
        folder = Path(name)
        ledger = Ledger.at(uri)
        ledger.migrate()
        if args.history:
            load_history(ledger, table, args.history)
        waits = ledger_time()
        ledger_seconds: Counter[str] = Counter()
        for number in range(ROUNDS):
            text = CAMPAIGN.replace("LIMITS", LIMITS if args.history else "").replace("name: benchmark", f"name: benchmark-{number}")
            manifest = seal_manifest(campaign_of(read_document(text, "benchmark.yaml")), NOW, {}, {})
            engine = Engine(manifest, ledger, Lake(folder, durable=False), {}, NoRuns())
            parts = snapshot_occurrence(engine, TableSegment(table), "run", NOW, NOW)
            for part in parts:
                waits.clear()
                whole[number].append(timed(lambda engine=engine, part=part: filter_part(engine, "run", part.part, NOW)))
                columns[number].append(whole[number][-1] - sum(waits.values()))
                least[number].append(timed(lambda path=folder / part.files[0].path: floor(path, folder)))
                ledger_seconds.update(waits)
            naive.append(timed(lambda: by_row(table.slice(0, SAMPLE))) * count / SAMPLE)
        ledger.close()
    loop, fast, bottom = min(naive), best(columns), best(least)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    show(
        f"filter: {count:,} recipients, {len(parts)} parts, {args.history:,} past communications",
        [
            Row("a loop over rows, scaled", f"{loop:.1f} s"),
            Row("floor: decode, one RE2 pass, write", f"{bottom:.2f} s"),
            Row("verdicts and batches on disk", f"{fast:.2f} s"),
            Row("the same, against the loop", f"{loop / fast:.0f} x", "50 x", loop / fast >= 50),
            Row("the same, against the floor", f"{fast / bottom:.1f} x", "3 x", fast / bottom <= 3),
            Row("with the ledger's part", f"{best(whole):.2f} s"),
            *(Row(f"  of it, on average: {part}", f"{seconds / ROUNDS:.2f} s") for part, seconds in ledger_seconds.items()),
            Row("peak memory of this process", f"{memory:,.0f} MiB"),
        ],
    )


class NoRuns:
    """There are no runs beside the measured one."""

    def live(self, runs: list[str]) -> set[str]:
        """Say that all of them are alive."""
        return set(runs)

    def make(self, run: str, at: datetime) -> None:
        """Refuse: nothing here makes a run."""
        raise NotImplementedError((run, at))


def load_history(ledger: Ledger, table: pa.Table, rows: int) -> None:
    """Put past communications of the last 30 days into the ledger, in slices."""
    rng = np.random.default_rng(11)
    ids = table["recipient_id"].combine_chunks()
    with ledger.transaction() as tx:
        rehearsal.forget_at_crash(tx)
    size = min(rows, 1_000_000)
    for slice_no in range(rows // size):
        chosen = ids.take(pa.array(rng.integers(0, len(ids), size)))
        seconds = pa.array(rng.integers(0, 30 * 86_400, size) * 1_000_000, pa.duration("us"))
        past = pa.table(
            {
                "recipient_id": chosen,
                "campaign": pa.repeat(pa.scalar(f"past-{slice_no}"), size),
                "contacted_at": pc.subtract(pa.scalar(NOW, pa.timestamp("us", "UTC")), seconds),
                "active": pa.repeat(pa.scalar(value=True), size),
                "bucket": pa.array(buckets(chosen), pa.int16()),
            }
        )
        with ledger.transaction() as tx:
            rehearsal.load_history(tx, past, NOW)
    with ledger.transaction() as tx:
        tx.run_text("ANALYZE outcamp.attempts")


def ledger_time() -> dict[str, float]:
    """Return a dict in which what the ledger is asked and told about candidates adds up its seconds from now on."""
    waits: dict[str, float] = {}

    def watched(name: str) -> Callable[..., object]:
        work = getattr(admission, name)

        def timed_work(*given: object, **named: object) -> object:
            start = time.perf_counter()
            try:
                return work(*given, **named)
            finally:
                waits[name] = waits.get(name, 0.0) + time.perf_counter() - start

        return timed_work

    for name in ("standing", "over_limits", "apply_verdicts"):
        setattr(admission, name, watched(name))
    return waits


if __name__ == "__main__":
    main()
