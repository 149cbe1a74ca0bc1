"""Old attempts that move out of the way: how many a second, and what submissions wait for them.

    python benchmarks/retention.py [--attempts 1000000]

Chunks of 500 are submitted with two limits, in turn alone and while another process moves; the table has their median and their longest.
The server is the embedded one with fsync off.
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from statistics import median

import psycopg
import pyarrow as pa
from table import Row, show

from outcamp.steps.retain import retain
from outcamp.store import admission, submission
from outcamp.store.embedded import throw_away_server
from outcamp.store.ledger import Ledger

NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
HORIZON = NOW - timedelta(days=400)
LIMITS = [(6, timedelta(days=2)), (30, timedelta(days=14))]
ROUNDS, CHUNKS, CHUNK_ROWS = 3, 80, 500
# Occurrence 1 is old and over, occurrence 2 is claimed by a wave. The people are the same.
BOOK = """
INSERT INTO outcamp.campaigns (name, seal, published_at, ignores_total_limits) VALUES ('book', 'book', %(now)s, false);
INSERT INTO outcamp.occurrences (campaign_id, scheduled_at, number, run, opened_at)
SELECT 1, %(old)s::timestamptz + n * interval '1 day', n, n::text, %(old)s FROM generate_series(0, 1) AS n;
INSERT INTO outcamp.retention VALUES (1, %(old)s, 0, NULL, '-infinity');
INSERT INTO outcamp.entries SELECT 1, 'customer-' || n, 1, n %% 64, 0, %(old)s, %(old)s, 'finished'
FROM generate_series(1, %(attempts)s) AS n;
INSERT INTO outcamp.attempts (occurrence_id, recipient_id, attempt, campaign_id, bucket, state, channel, due_at, submitted_at, counted_at,
                              deadline_at, disposed_at, disposition)
SELECT 1, 'customer-' || n, 1, 1, n %% 64, 'closed', 'sms', %(old)s, %(old)s, %(old)s, %(old)s, %(old)s, 'delivered'
FROM generate_series(1, %(attempts)s) AS n ORDER BY 2;
INSERT INTO outcamp.attempts (occurrence_id, recipient_id, attempt, campaign_id, bucket, wave_id, state, channel, due_at)
SELECT 2, 'customer-' || n, 1, 1, n %% 64, 1, 'claimed', 'sms', %(now)s FROM generate_series(1, %(sends)s) AS n;
VACUUM (ANALYZE) outcamp.attempts;
VACUUM (ANALYZE) outcamp.entries
"""


def fill(uri: str, attempts: int, sends: int) -> None:
    """Fill the book with so many old attempts, and so many that are about to go."""
    with psycopg.connect(uri, autocommit=True) as connection:
        for statement in BOOK.split(";"):
            values = {"now": NOW, "old": HORIZON - timedelta(days=1), "attempts": attempts, "sends": sends}
            connection.execute(statement.encode(), values if "%(" in statement else None)


def submitted(ledger: Ledger, first: int) -> list[float]:
    """Submit some chunks, and return how long each took."""
    seconds = []
    for start in range(first, first + CHUNKS * CHUNK_ROWS, CHUNK_ROWS):
        numbers = sorted(range(start, start + CHUNK_ROWS), key=lambda number: number % 64)
        rows = pa.table(
            {
                "occurrence_id": pa.array([2] * CHUNK_ROWS, pa.int64()),
                "recipient_id": [f"customer-{number}" for number in numbers],
                "attempt": pa.array([1] * CHUNK_ROWS, pa.int16()),
                "bucket": pa.array([number % 64 for number in numbers], pa.int16()),
                "endpoint": ["+12025550143"] * CHUNK_ROWS,
            }
        )
        began = time.perf_counter()
        with ledger.transaction() as tx:
            admission.lock_buckets(tx, admission.SUBMISSIONS, list(range(64)))
            over, _ = admission.over_limits(tx, 1, rows, LIMITS, [], NOW, all_campaigns=False)
            moved = submission.submit(tx, 1, 0, 1, rows, NOW, NOW)
        seconds.append(time.perf_counter() - began)
        if over or len(moved) < CHUNK_ROWS:
            raise SystemExit(f"{len(over)} of a chunk were over a limit, {len(moved)} moved")
    return seconds


def move_until(uri: str, begun: Event, over: Event) -> None:
    """Move chunk after chunk until the others are done."""
    ledger = Ledger.at(uri)
    begun.set()
    while not over.is_set():
        if not retain(ledger, HORIZON, NOW, chunks=10):
            raise SystemExit("nothing is left to move: ask for more --attempts")
    ledger.close()


def measured(uri: str) -> list[Row]:
    """Return how fast attempts move, and what that does to the submissions."""
    ledger = Ledger.at(uri)
    alone: list[list[float]] = []
    beside: list[list[float]] = []
    rates = []
    spawn = get_context("spawn")
    for number in range(ROUNDS):
        began = time.perf_counter()
        rates.append(retain(ledger, HORIZON, NOW) / (time.perf_counter() - began))
        first = 1 + number * 2 * CHUNKS * CHUNK_ROWS
        alone.append(submitted(ledger, first))
        begun, over = spawn.Event(), spawn.Event()
        mover = spawn.Process(target=move_until, args=(uri, begun, over))
        mover.start()
        begun.wait()
        beside.append(submitted(ledger, first + CHUNKS * CHUNK_ROWS))
        over.set()
        mover.join()
        if mover.exitcode:
            raise SystemExit("the mover failed")
    ledger.close()
    usual, longest = (min(map(of, beside)) / min(map(of, alone)) for of in (median, max))
    return [
        Row("moved, in chunks of 2,000", f"{max(rates):,.0f} attempts a second"),
        Row("a submission of 500 beside it: the median", f"{usual:.2f} x that alone"),
        Row("a submission of 500 beside it: the longest", f"{longest:.2f} x that alone"),
    ]


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attempts", type=int, default=1_000_000, help="old ones in the book")
    args = parser.parse_args()
    with throw_away_server() as uri:
        ledger = Ledger.at(uri)
        ledger.migrate()
        ledger.close()
        fill(uri, args.attempts, ROUNDS * 2 * CHUNKS * CHUNK_ROWS)
        rows = measured(uri)
    show(f"retention: {args.attempts:,} old attempts", rows)


if __name__ == "__main__":
    main()
