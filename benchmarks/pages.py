"""The pages in Airflow's UI over a large ledger: how long each takes, by HTTP through Airflow's own API server in this process.

    python benchmarks/pages.py [--attempts 5000000] [--campaigns 500] [--serve 8099]

Fills a throw-away ledger with SQL, counts its progress once, and prints one table. A tenth of all attempts is the first campaign's.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
import tempfile
import time
import warnings
from datetime import UTC, datetime
from pathlib import Path

import psycopg

sys.path += [str(Path(__file__).resolve().parents[1] / folder) for folder in ("plugins", "tests")]

from outcamp.core.campaign_file import campaign_of
from outcamp.core.document import read_document
from outcamp.core.manifest import seal_manifest
from outcamp.steps.progress import refresh
from outcamp.store.embedded import throw_away_server
from outcamp.store.ledger import Ledger
from web_world import Pages, Visitor, add_dag, airflow_at, make_tables, serve

OCCURRENCES, WAVES = 20, 11
RUNS = 20
CAMPAIGN = """
name: {name}
description: Reminders for policies that end within 30 days
owner: {owner}
segment: {{file: people.csv}}
channel: {channel}
channels:
  {channel}: {{transport: simulator{more}}}
communication_limits: [{{count: 6, within: 2 days}}, {{count: 6, within: 2 weeks}}]
reattempts: [{{when: [no_outcome], channel: {channel}, wait: 2 hours}}]
communication_time:
  time_zone: recipient
  active:
    - {{days: mon-fri, from: "09:00", to: "12:00"}}
    - {{days: mon-fri, from: "13:00", to: "18:00"}}
    - {{days: sat, from: "10:00", to: "14:00"}}
  exceptions: [{{name: Thanksgiving, date: 2026-11-26}}]
schedule: {{start: "2026-11-02 07:03", time_zone: America/New_York, repeat: daily, expires: "{expires}"}}
"""
CHANNELS = {
    "sms": ", body: Hello",
    "email": ', subject: Hi, body: Hello, sender: "a@example.com"',
    "automated_voice": ', sender: "+18005550101", flow: x',
}
OWNERS = ("growth", "billing", "care", "renewals")

# One statement a table. Occurrence n of campaign c has c's share of people; a few of the newest are still in flight.
FILL = """
INSERT INTO outcamp.occurrences (campaign_id, scheduled_at, number, run, opened_at, closed_at)
SELECT c.campaign_id, at, n, to_char(at AT TIME ZONE 'UTC', 'YYYYMMDD"T"HH24MISS"Z"'), at, at
FROM outcamp.campaigns c, generate_series(0, %(occurrences)s - 1) n, LATERAL (SELECT c.published_at + n * interval '1 day' AS at) t
ORDER BY 1, 3;

INSERT INTO outcamp.waves (campaign_id, run, due_at, occurrence_id, opened_at, fanned_out_at, finished_at)
SELECT o.campaign_id, o.run || CASE WHEN w > 0 THEN '-' || w ELSE '' END, at, CASE WHEN w = 0 THEN o.occurrence_id END, at, at, at
FROM outcamp.occurrences o, generate_series(0, %(waves)s - 1) w, LATERAL (SELECT o.opened_at + w * interval '1 hour' AS at) t
ORDER BY o.occurrence_id, w;

INSERT INTO outcamp.parts (wave_id, step, part, first_bucket, last_bucket, rows, files, funnel, decided_at)
SELECT w.wave_id, 'filter', 0, 0, 63, s.people * 20 / 17, '[]',
       jsonb_build_array(jsonb_build_array('send', '', s.people / 2), jsonb_build_array('later', 'window_closed', s.people - s.people / 2),
                         jsonb_build_array('drop', 'invalid_endpoint', s.people / 17),
                         jsonb_build_array('drop', 'over_limit', s.people * 20 / 17 - s.people - s.people / 17)),
       w.opened_at
FROM outcamp.waves w JOIN sizes s USING (campaign_id);

INSERT INTO outcamp.entries (occurrence_id, recipient_id, campaign_id, bucket, part, entered_at, exited_at, exit_reason)
SELECT o.occurrence_id, 'r' || lpad(i::text, 8, '0'), o.campaign_id, i %% 64, 0, o.opened_at,
       CASE WHEN NOT busy THEN o.opened_at + interval '2 hours' END, CASE WHEN NOT busy THEN 'finished' END
FROM outcamp.occurrences o JOIN sizes s USING (campaign_id), generate_series(1, s.people) i,
     LATERAL (SELECT o.number = %(occurrences)s - 1 AND i %% 3 = 0 AS busy) b;

INSERT INTO outcamp.attempts (occurrence_id, recipient_id, attempt, campaign_id, bucket, state, channel, due_at,
                              submitted_at, counted_at, deadline_at, disposed_at, disposition)
SELECT o.occurrence_id, 'r' || lpad(i::text, 8, '0'), 1, o.campaign_id, i %% 64,
       CASE WHEN NOT busy THEN 'closed' WHEN i %% 2 = 0 THEN 'sent' ELSE 'waiting' END::outcamp.attempt_state, s.channel, o.opened_at,
       CASE WHEN NOT busy OR i %% 2 = 0 THEN at END, CASE WHEN NOT busy OR i %% 2 = 0 THEN at END, at + interval '3 days',
       CASE WHEN NOT busy THEN at + interval '1 minute' END,
       CASE WHEN NOT busy THEN CASE WHEN i %% 23 = 0 THEN 'no_outcome' WHEN i %% 9 = 0 THEN s.ill ELSE s.well END END
FROM outcamp.occurrences o JOIN sizes s USING (campaign_id), generate_series(1, s.people) i,
     LATERAL (SELECT o.number = %(occurrences)s - 1 AND i %% 3 = 0 AS busy,
                     o.opened_at + (i %% 9) * interval '1 hour' + interval '1 hour' * floor(sqrt(i %% 17)) AS at) b;
"""


def manifests(home: Path, count: int) -> None:
    """Publish so many campaigns, of several channels and owners."""
    folder = home / "dags" / "published"
    folder.mkdir(parents=True)
    topics = ("renewal", "welcome", "payment-due", "survey", "win-back", "appointment")
    for number in range(count):
        channel = list(CHANNELS)[number % 3]
        name = f"{topics[number % 6]}-{number:03d}"
        expires = "2026-11-25 00:00" if number % 5 == 4 else "2026-12-31 23:59"
        text = CAMPAIGN.format(name=name, owner=OWNERS[number % 4], channel=channel, more=CHANNELS[channel], expires=expires)
        manifest = seal_manifest(campaign_of(read_document(text, f"{name}.yaml")), datetime(2026, 11, 1, 12, tzinfo=UTC), {}, {})
        folder.joinpath(f"{name}.json").write_text(manifest.to_json(), encoding="utf-8")
        add_dag(name, paused=number % 11 == 3, tags=("outcamp", f"channel:{channel}", f"owner:{OWNERS[number % 4]}"))


def fill(uri: str, home: Path, attempts: int) -> None:
    """Write the books of all campaigns."""
    paths = sorted((home / "dags" / "published").glob("*.json"), key=lambda path: path.stem[-3:])
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("CREATE TABLE sizes (campaign_id int PRIMARY KEY, people int, channel text, well text, ill text)")
        for number, path in enumerate(paths):
            found = connection.execute(
                "INSERT INTO outcamp.campaigns "
                "(name, seal, published_at, expires_at, ignores_total_limits, stopped_at, error_at, error_reason) "
                "VALUES (%s, 'x', '2026-11-02 12:03Z', %s, false, %s, %s, %s) RETURNING campaign_id",
                [
                    path.stem,
                    "2026-11-25Z" if number % 5 == 4 else "2027-01-01Z",
                    "2026-11-20Z" if number % 13 == 6 else None,
                    "2026-11-27Z" if number % 29 == 2 else None,
                    "a task of the wave 20261127T120300Z failed" if number % 29 == 2 else None,
                ],
            ).fetchone()
            people = attempts // 10 // OCCURRENCES if number == 0 else attempts * 9 // 10 // (len(paths) - 1) // OCCURRENCES
            channel = list(CHANNELS)[number % 3]
            well = {"sms": "delivered", "email": "delivered", "automated_voice": "answered"}[channel]
            ill = {"sms": "unreachable", "email": "bounced", "automated_voice": "no_answer"}[channel]
            connection.execute("INSERT INTO sizes VALUES (%s, %s, %s, %s, %s)", [found[0], people, channel, well, ill])
        # Bound by the client: several statements in one text take no parameters from the server.
        for statement in FILL.split(";\n"):
            if statement.strip():
                connection.execute(statement.encode(), {"occurrences": OCCURRENCES, "waves": WAVES})
        connection.execute("VACUUM (ANALYZE)")


def measured(visitor: Visitor, path: str) -> tuple[float, float, float, int]:
    """Ask for a page again and again; return the first, the median and the longest time in milliseconds, and the page's size."""
    taken = []
    for _ in range(RUNS):
        started = time.perf_counter()
        answer = visitor.ask("GET", path)
        taken.append(1000 * (time.perf_counter() - started))
        if answer.status_code != 200:
            raise SystemExit(f"{path}: {answer.status_code} {answer.text[:300]}")
    return taken[0], statistics.median(taken), max(taken), len(answer.content)


def served(pages: Pages, port: int) -> None:
    """Keep the pages up for a look, and print the cookie that opens them."""
    import uvicorn

    print(f"http://127.0.0.1:{port}/outcamp/ with the cookie _token={pages.visitor('ADMIN').token}", flush=True)
    uvicorn.run(pages.server, host="127.0.0.1", port=port, log_level="warning")


def main() -> None:
    """Fill, count, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attempts", type=int, default=5_000_000)
    parser.add_argument("--campaigns", type=int, default=500)
    parser.add_argument("--serve", type=int, metavar="PORT", help="afterwards, keep the pages up for a look")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name, throw_away_server() as uri, airflow_at(Path(name)):
        make_tables()
        logging.disable(logging.WARNING)
        home = Path(name) / "home"
        manifests(home, args.campaigns)
        ledger = Ledger.at(uri)
        ledger.migrate()
        started = time.perf_counter()
        fill(uri, home, args.attempts)
        print(f"{args.attempts:,} attempts of {args.campaigns} campaigns written in {time.perf_counter() - started:.0f} s")
        started = time.perf_counter()
        counted = refresh(ledger, ledger.now())
        print(f"{counted:,} occurrences counted for the first time in {time.perf_counter() - started:.1f} s")
        started = time.perf_counter()
        counted = refresh(ledger, ledger.now())
        print(f"{counted:,} counted again in {time.perf_counter() - started:.1f} s")
        with psycopg.connect(uri, autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE) outcamp.progress")
        pages = serve()
        pages.show(home, Path(name) / "lake", uri)
        visitor = pages.visitor("ADMIN")
        first = next((home / "dags" / "published").glob("*-000.json")).stem
        asked = {
            "campaigns": "/outcamp/",
            "campaigns, sorted by sent": "/outcamp/?sort=sent",
            "campaign": f"/outcamp/campaigns/outcamp.{first}/",
            "wave": f"/outcamp/campaigns/outcamp.{first}/waves/20261102T120300Z/",
        }
        print(f"\n{'page':<28}{'first':>10}{'median':>10}{'longest':>10}{'size':>10}")
        for page, path in asked.items():
            first_one, median, longest, size = measured(visitor, path)
            print(f"{page:<28}{first_one:>7.0f} ms{median:>7.0f} ms{longest:>7.0f} ms{size / 1000:>7.0f} KB")
        if args.serve:
            served(pages, args.serve)


if __name__ == "__main__":
    main()
