"""The ledger: limits against a large book, admission, and four workers that claim, submit and record at once.

    python benchmarks/ledger.py [--attempts 5000000] [--candidates 1000000]

Prints one table. Parts are filtered by as many processes as there are processors. The server is the
embedded one with fsync off, its tables are logged; indexes and visibility are those of a book that
has been vacuumed since it was filled. 50 million attempts take some ten minutes and 14 GB of disk before anything is measured.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
from table import Row, show

from outcamp.core.campaign_file import campaign_of
from outcamp.core.dispositions import Channel
from outcamp.core.document import read_document
from outcamp.core.manifest import seal_manifest
from outcamp.frames.hashing import buckets
from outcamp.frames.phone_cache import phone_automaton
from outcamp.steps.engine import Engine
from outcamp.steps.fan_out import fan_out
from outcamp.steps.filter import filter_part
from outcamp.steps.send import send
from outcamp.steps.simulation_input import TableSegment, script_of
from outcamp.steps.snapshot import snapshot_due, snapshot_occurrence
from outcamp.steps.virtual_clock import NoRuns
from outcamp.store.embedded import throw_away_server
from outcamp.store.lake import Lake
from outcamp.store.ledger import Ledger, Transaction
from outcamp.transports.base import Capabilities
from outcamp.transports.scripted import ScriptedTransport

NIGHT = datetime(2026, 12, 1, 4, tzinfo=UTC)
MORNING = datetime(2026, 12, 1, 17, tzinfo=UTC)
CAMPAIGN = """
name: NAME
segment: {file: recipients.parquet}
channel: sms
channels: {sms: {body: hello}}
communication_limits: [{count: 6, within: 2 days}, {count: 30, within: 2 weeks}]
communication_time:
  {time_zone: recipient, detect: [area_code], active: [{days: mon-fri, from: "09:00", to: "18:00"}]}
"""
AREAS = np.array(["212", "312", "617", "713"])
WORKERS = 4
SENDS = 100_000

# One occurrence after another, as campaigns make them: neighbours in the book are neighbours in time, ids within one are in order.
BOOK = """
INSERT INTO outcamp.attempts (occurrence_id, recipient_id, attempt, campaign_id, bucket, state, channel, due_at, submitted_at, counted_at,
                              disposed_at, disposition)
SELECT -%(occurrence)s::bigint, p.recipient_id, 1, %(campaign)s, p.bucket, 'closed', 'sms', at, at, at, at, 'delivered'
FROM people AS p, LATERAL (SELECT %(at)s::timestamptz - interval '1 hour' * random() + interval '0 s' * p.bucket AS at) AS t
"""
INDEXES = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'outcamp' AND tablename = 'attempts' AND indexname <> 'attempts_pkey'"


class InChunks(ScriptedTransport):
    """The simulator's transport, which takes 500 rows at a time; every message arrives at once."""

    capabilities = Capabilities(chunk_size=500)


def recipients(first: int, count: int) -> pa.Table:
    """Make up people of the book."""
    rng = np.random.default_rng(first)
    area, number = AREAS[rng.integers(0, len(AREAS), count)], rng.integers(2_000_000, 9_999_999, count)
    ids = [f"customer-{n:09d}" for n in rng.permutation(np.arange(first, first + count))]
    return pa.table({"recipient_id": ids, "phone": [f"+1{a}{n}" for a, n in zip(area, number, strict=True)]})


def engine(uri: str, folder: str, name: str) -> Engine:
    """Return a campaign of this name in the ledger."""
    campaign = campaign_of(read_document(CAMPAIGN.replace("NAME", name), "benchmark.yaml"))
    transports = {Channel.SMS: InChunks(script_of(None), lambda coming: pa.nulls(coming.num_rows))}
    return Engine(seal_manifest(campaign, NIGHT, {}, {}), Ledger.at(uri), Lake(Path(folder), durable=False), transports, NoRuns())


def fill(uri: str, attempts: int, people: int) -> None:
    """Fill the book with so many attempts of these people in the last 30 days, all of one live campaign, and vacuum it."""
    occurrences = max(1, attempts // people)
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("SET maintenance_work_mem = '1GB'")
        indexes = [row[0] for row in connection.execute(INDEXES)]
        for definition in indexes:
            connection.execute(f"DROP INDEX outcamp.{definition.split()[2]}".encode())
        connection.execute("ALTER TABLE outcamp.attempts DROP CONSTRAINT attempts_pkey")
        found = connection.execute(
            "INSERT INTO outcamp.campaigns (name, seal, published_at, ignores_total_limits)"
            " VALUES ('book', 'book', %s, false) RETURNING campaign_id",
            [NIGHT],
        ).fetchone()
        ids = pa.array([f"customer-{number:09d}" for number in range(people)])
        connection.execute('CREATE TEMPORARY TABLE people (recipient_id text COLLATE "C", bucket smallint)')
        with connection.cursor().copy("COPY people FROM STDIN") as copy:
            for row in zip(ids.to_pylist(), buckets(ids).tolist(), strict=True):
                copy.write_row(row)
        for occurrence in range(occurrences, 0, -1):
            at = NIGHT - timedelta(days=30) * occurrence / occurrences
            connection.execute(BOOK.encode(), {"campaign": found and found[0], "occurrence": occurrence, "at": at})
        connection.execute("ALTER TABLE outcamp.attempts ADD PRIMARY KEY (occurrence_id, recipient_id, attempt)")
        for definition in indexes:
            connection.execute(definition.encode())
        connection.execute("VACUUM (ANALYZE) outcamp.attempts")


def ledger_time() -> dict[str, float]:
    """Return a dict in which every named query adds up its seconds from now on."""
    waits: dict[str, float] = {}
    run = Transaction.run

    def watched(self: Transaction, name: str, /, **parameters: Any) -> list[tuple[Any, ...]]:
        start = time.perf_counter()
        try:
            return run(self, name, **parameters)
        finally:
            waits[name] = waits.get(name, 0.0) + time.perf_counter() - start

    Transaction.run = watched  # type: ignore[method-assign]
    return waits


def decide_part(uri: str, folder: str, run: str, part: int) -> dict[str, float]:
    """Decide one part of a wave, and return the seconds of the whole and of each query."""
    campaign = engine(uri, folder, run)
    waits = ledger_time()
    start = time.perf_counter()
    filter_part(campaign, run, part, MORNING)
    waits["whole"] = time.perf_counter() - start
    campaign.ledger.close()
    return waits


def filtered(uri: str, folder: str, count: int) -> list[Row]:
    """Filter so many candidates, a process for each processor as Airflow would, and return what that took, and of it the limits."""
    processes = os.cpu_count() or 1
    seconds = []
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for run, people in (("warm-up", processes), ("half", count // 2), ("whole", count)):
            campaign = engine(uri, folder, run)
            parts = snapshot_occurrence(campaign, TableSegment(recipients(0, people)), run, MORNING, MORNING)
            campaign.ledger.close()
            every = len(parts)
            found = list(pool.map(decide_part, [uri] * every, [folder] * every, [run] * every, [part.part for part in parts]))
            waits = {name: sum(part[name] for part in found) / processes for name in found[0]}
            seconds.append(waits["whole"] - waits["admit"])
    further = (seconds[2] - seconds[1]) * 2e6 / count
    rate = count / waits["admit"]
    return [
        Row(f"filter of {count:,} with limits, before the admission", f"{seconds[2]:.1f} s", "10 s", seconds[2] <= 10),
        Row("  of which the limits", f"{waits['over-limits']:.1f} s"),
        Row("  each further million", f"{further:.1f} s", "2 s", further <= 2),
        Row("admission", f"{rate:,.0f} entries a second", "100,000", rate >= 100_000),
    ]


def admit_by_night(uri: str, folder: str, worker: int) -> None:
    """Let a worker's campaign admit its people while nobody may be called: they wait for the morning."""
    campaign = engine(uri, folder, f"worker-{worker}")
    people = recipients(worker * SENDS, SENDS // WORKERS)
    for part in snapshot_occurrence(campaign, TableSegment(people), "night", NIGHT, NIGHT):
        filter_part(campaign, "night", part.part, NIGHT)
    fan_out(campaign, "night", NIGHT)
    campaign.ledger.close()


def claim(uri: str, folder: str, worker: int) -> None:
    """Claim what is due in the morning."""
    campaign = engine(uri, folder, f"worker-{worker}")
    snapshot_due(campaign, "morning", MORNING, MORNING)
    campaign.ledger.close()


def decide(uri: str, folder: str, worker: int) -> None:
    """Decide what was claimed, which is not what is measured here."""
    campaign = engine(uri, folder, f"worker-{worker}")
    filter_part(campaign, "morning", 0, MORNING)
    fan_out(campaign, "morning", MORNING)
    campaign.ledger.close()


def submit(uri: str, folder: str, worker: int) -> int:
    """Send all batches, and return how many attempts were submitted."""
    campaign = engine(uri, folder, f"worker-{worker}")
    sent = [send(campaign, "morning", batch.batch, lambda: MORNING).submitted for batch in fan_out(campaign, "morning", MORNING)]
    campaign.ledger.close()
    return sum(sent)


def at_once(uri: str, folder: str) -> list[Row]:
    """Let four processes work at once, and return how many attempts they claimed, submitted and recorded a second."""
    seconds = {}
    sent = []
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        for work in (admit_by_night, claim, decide, submit):
            start = time.perf_counter()
            sent = list(pool.map(work, [uri] * WORKERS, [folder] * WORKERS, range(WORKERS)))
            seconds[work] = time.perf_counter() - start
    rate = sum(sent) / (seconds[claim] + seconds[submit])
    what = f"claim, submit and record {sum(sent):,} in chunks of 500, four workers"
    return [Row(what, f"{rate:,.0f} attempts a second", "15,000", rate >= 15_000)]


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attempts", type=int, default=5_000_000, help="in the book")
    parser.add_argument("--candidates", type=int, default=1_000_000)
    args = parser.parse_args()
    phone_automaton()
    with tempfile.TemporaryDirectory() as folder, throw_away_server() as uri:
        ledger = Ledger.at(uri)
        ledger.migrate()
        ledger.close()
        start = time.perf_counter()
        fill(uri, args.attempts, min(args.candidates, args.attempts))
        print(f"the book was filled in {time.perf_counter() - start:,.0f} s")
        rows = at_once(uri, folder) + filtered(uri, folder, args.candidates)
    show(f"ledger: {args.attempts:,} attempts in the book", rows)


if __name__ == "__main__":
    main()
