"""Files that come in: a million outcomes into the books, and a million lines onto the do-not-contact list.

    python benchmarks/files_in.py [--rows 1000000]

Prints one table. Outcomes are JSON lines in no order, as a relay collects them; one in ten makes a reattempt, the others end their
entry. The list is numbers and addresses, half of each. Each file is taken in by a process of its own. The server is the embedded one
with fsync off.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from table import Row, show

from outcamp.core.campaign_file import campaign_of
from outcamp.core.document import read_document
from outcamp.core.manifest import Manifest, seal_manifest
from outcamp.frames.phone_cache import phone_automaton
from outcamp.segments import files
from outcamp.steps.outcome_files import take_in_file
from outcamp.steps.suppress import import_list
from outcamp.store.embedded import throw_away_server
from outcamp.store.ledger import Ledger

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
CAMPAIGN = """
name: spring
segment: {file: recipients.parquet}
channel: sms
channels: {sms: {body: hello}}
reattempts: [{when: [unreachable], channel: sms, wait: 30 minutes}]
"""
# A campaign that has sent its first messages, and has heard nothing yet.
BOOK = """
WITH campaign AS (
    INSERT INTO outcamp.campaigns (name, seal, published_at, ignores_total_limits) VALUES ('spring', %(seal)s, %(now)s, false)
    RETURNING campaign_id
), occurrence AS (
    INSERT INTO outcamp.occurrences (campaign_id, scheduled_at, number, run, opened_at, closed_at)
    SELECT campaign_id, %(now)s, 0, 'run', %(now)s, %(now)s FROM campaign RETURNING occurrence_id, campaign_id
), people AS (
    SELECT o.*, 'customer-' || lpad(n::text, 9, '0') AS recipient_id, n %% 64 AS bucket
    FROM occurrence o, generate_series(0, %(rows)s::int - 1) AS n
), entered AS (
    INSERT INTO outcamp.entries (occurrence_id, recipient_id, campaign_id, bucket, part, entered_at)
    SELECT occurrence_id, recipient_id, campaign_id, bucket, 0, %(now)s FROM people
)
INSERT INTO outcamp.attempts (occurrence_id, recipient_id, attempt, campaign_id, bucket, state, channel, due_at, submitted_at, counted_at,
                              deadline_at)
SELECT occurrence_id, recipient_id, 1, campaign_id, bucket, 'sent', 'sms', %(now)s, %(now)s, %(now)s, %(now)s + interval '72 hours'
FROM people
"""


def outcomes(path: Path, rows: int) -> None:
    """Write an outcome of each attempt as JSON lines, in no order."""
    at = (NOW + timedelta(minutes=5)).isoformat()
    with path.open("w", encoding="utf-8") as file:
        for n in np.random.default_rng(1).permutation(rows):
            code = "delivered" if n % 10 else "unreachable"
            file.write(f'{{"reference": "spring/0/1/customer-{n:09d}", "disposition": "{code}", "disposed_at": "{at}"}}\n')


def suppressions(path: Path, rows: int) -> None:
    """Write numbers and addresses as Parquet, half of each, in no order."""
    numbers = [f"+1212{n}" for n in np.random.default_rng(2).choice(np.arange(2_000_000, 9_999_999), rows // 2, replace=False)]
    addresses = [f"customer.{n}@example.com" for n in range(rows - rows // 2)]
    mixed = np.random.default_rng(3).permutation(np.array(numbers + addresses))
    pq.write_table(pa.table({"endpoint": mixed}), path, row_group_size=100_000)


def sealed() -> Manifest:
    """Return the campaign's manifest."""
    return seal_manifest(campaign_of(read_document(CAMPAIGN, "benchmark.yaml")), NOW, {}, {})


def fill(uri: str, rows: int) -> None:
    """Let a campaign have sent so many messages."""
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(BOOK.encode(), {"rows": rows, "now": NOW, "seal": sealed().seal})
        connection.execute("VACUUM (ANALYZE) outcamp.attempts, outcamp.entries")


class Cost(NamedTuple):
    """What work cost: seconds by the clock, seconds of a processor (its own and its connection's at the server), and MiB at the peak."""

    seconds: float
    processor: float
    peak: int


def take_in(uri: str, path: Path) -> Cost:
    """Take a file of outcomes in, and return what that cost."""
    manifest = sealed()
    return cost(uri, lambda ledger: take_in_file(ledger, {"spring": manifest}.get, path, lambda: LATER))


def bring_in(uri: str, path: Path) -> Cost:
    """Import a list, and return what that cost."""
    phone_automaton()
    return cost(uri, lambda ledger: import_list(ledger, "list", lambda: files.stream(path), "asked", lambda: NOW))


def cost(uri: str, work: Callable[[Ledger], object]) -> Cost:
    """Do something with the ledger in this process, and return what it cost."""
    ledger, start, before = Ledger.at(uri), time.perf_counter(), time.process_time()
    work(ledger)
    seconds, own = time.perf_counter() - start, time.process_time() - before
    with psycopg.connect(uri) as connection:
        others = connection.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
        servers = sum(sum(psutil.Process(pid).cpu_times()[:2]) for (pid,) in others)
    ledger.close()
    return Cost(seconds, own + servers, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def alone(work: Callable[[str, Path], Cost], uri: str, path: Path) -> Cost:
    """Do something in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, uri, path).result()


def row(what: str, found: Cost, most: float) -> Row:
    """Return a measurement; the processor's seconds count, because neighbours do not change them."""
    measured = f"{found.processor:.1f} s of a processor, {found.seconds:.1f} s by the clock"
    return Row(what, measured, f"{most:.0f} s", found.processor <= most)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder, throw_away_server() as uri:
        ledger = Ledger.at(uri)
        ledger.migrate()
        ledger.close()
        news, listed = Path(folder, "news.jsonl"), Path(folder, "list.parquet")
        outcomes(news, rows)
        suppressions(listed, rows)
        fill(uri, rows)
        taken, again, added, known = (alone(work, uri, path) for work, path in ((take_in, news),) * 2 + ((bring_in, listed),) * 2)
    found = [
        row(f"{rows:,} outcomes taken in", taken, 60),
        row("  the same file again", again, 60),
        Row("  peak memory", f"{taken.peak} MiB", "500 MiB", taken.peak <= 500),
        row(f"{rows:,} suppressions imported", added, 15),
        row("  the same list again", known, 15),
        Row("  peak memory", f"{added.peak} MiB", "500 MiB", added.peak <= 500),
    ]
    show("files in", found)


if __name__ == "__main__":
    main()
