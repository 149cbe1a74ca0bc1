"""A segment by SQL from Postgres to parts in the lake, against COPY TO of the same queries.

    python benchmarks/segments.py [--recipients 1000000]

COPY TO is what `psycopg` receives of `COPY (query) TO STDOUT` when it does nothing with it. Both run in turn, and the best of each counts.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from filter import NoRuns
from table import Row, show

from outcamp.core.campaign_file import campaign_of
from outcamp.core.document import read_document
from outcamp.core.manifest import seal_manifest
from outcamp.segments.source import PublishedSegment
from outcamp.steps.engine import Engine
from outcamp.steps.snapshot import snapshot_occurrence
from outcamp.store.embedded import throw_away_server
from outcamp.store.lake import Lake
from outcamp.store.ledger import Ledger

NOW = datetime(2026, 12, 1, 16, tzinfo=UTC)
ROUNDS = 3
CAMPAIGN = "{name: NAME, segment: {sql: people.sql}, channel: sms, channels: {sms: {body: hello}}, schedule: {start: now}}"
TABLES = """
CREATE TABLE customers AS
SELECT 'customer-' || lpad(n::text, 9, '0') AS id, '+1212' || lpad((n * 7919 % 9999999)::text, 7, '0') AS phone, 'US' AS country,
       lpad((n * 31 % 99950)::text, 5, '0') AS zip, CASE WHEN n % 10 > 0 THEN 'Ada' || n % 1000 END AS first_name, n % 1000 AS points
FROM generate_series(1, %(rows)s::bigint) n;
CREATE TABLE orders AS
SELECT 'customer-' || lpad((n * 7919 % %(rows)s + 1)::text, 9, '0') AS customer_id, n % 500 AS amount
FROM generate_series(1, %(rows)s::bigint * 2) n;
ANALYZE
"""
QUERIES = {
    "a whole table": "SELECT id AS recipient_id, phone, country, zip AS postal_code, first_name, points FROM customers",
    "customers with what they ordered": """
        SELECT id AS recipient_id, phone, country, zip AS postal_code, first_name, sum(amount) AS spent
        FROM customers JOIN orders ON customer_id = id GROUP BY ALL_BUT_LAST
    """.replace("ALL_BUT_LAST", "1, 2, 3, 4, 5"),
}


def copy(connection: psycopg.Connection, query: str) -> None:
    """Receive a query's rows as text, and do nothing with them."""
    with connection.cursor().copy(f"COPY ({query}) TO STDOUT".encode()) as rows:
        for _ in rows:
            pass


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that a piece of work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipients", type=int, default=1_000_000)
    count = parser.parse_args().recipients
    shown = []
    with tempfile.TemporaryDirectory() as folder, throw_away_server() as uri, psycopg.connect(uri, autocommit=True) as connection:
        for statement in TABLES.split(";"):
            connection.execute(statement.replace("%(rows)s", str(count)).encode())
        ledger = Ledger.at(uri)
        ledger.migrate()
        for what, query in QUERIES.items():
            copied, written, rows = [], [], 0
            for number in range(ROUNDS):
                settings = campaign_of(read_document(CAMPAIGN.replace("NAME", f"{what.replace(' ', '-')}-{number}"), "benchmark.yaml"))
                manifest = seal_manifest(settings, NOW, {"people.sql": query}, {})
                engine = Engine(manifest, ledger, Lake(Path(folder), durable=False), {}, NoRuns())
                segment = PublishedSegment(manifest, Path(folder).joinpath, lambda _: psycopg.connect(uri))
                copied.append(timed(lambda query=query: copy(connection, query)))
                start = time.perf_counter()
                rows = sum(part.rows for part in snapshot_occurrence(engine, segment, "run", NOW, NOW))
                written.append(time.perf_counter() - start)
            share = min(copied) / min(written)
            shown += [
                Row(f"{what}: COPY TO", f"{rows / min(copied):,.0f} rows a second"),
                Row(f"{what}: to parts", f"{rows / min(written):,.0f} rows a second"),
                Row(f"{what}: to parts, against COPY TO", f"{share:.2f} x", "0.5 x", share >= 0.5),
            ]
        ledger.close()
    show(f"segments by SQL: {count:,} customers", shown)


if __name__ == "__main__":
    main()
