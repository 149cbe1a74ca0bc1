"""``outcamp demo``: one campaign from its table of customers to its funnel, in a real Airflow, in about two minutes."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outcamp.cli.demo_campaign import NAME, campaign_text
from outcamp.core.errors import Permanent
from outcamp.steps.project import Project, project_home

if TYPE_CHECKING:
    from outcamp.cli.demo_inbox import Inbox
    from outcamp.cli.deployment import Deployment

PORT = 8080
LONGEST_SECONDS = 600
WAVE_INTERVAL = timedelta(seconds=10)
SETTINGS = {"OUTCAMP_WAVE_INTERVAL": "10", "OUTCAMP_PULSE": "10", "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3"}
DEMO = Path(__file__).resolve().parents[3] / "include" / "demo"


class DemoFailed(Permanent):
    """The demo did what it should not."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument("--port", type=int, default=PORT, help=f"where Airflow's UI answers on 127.0.0.1 (default: {PORT})")
    parser.add_argument("--keep", action="store_true", help="keep everything running at the end, to look at the UI; Ctrl-C stops it")


def run(args: argparse.Namespace) -> int:
    """Run the demo and print its funnel; 1 if the books do not add up."""
    from outcamp.cli.demo_inbox import Inbox
    from outcamp.cli.demo_report import report_text
    from outcamp.cli.deployment import Deployment, stop_on_signals

    stop_on_signals()
    home = project_home() / ".outcamp" / "demo"
    progress = Progress(quiet=args.json)
    deployment = Deployment(home, port=args.port)
    deployment.stop_leftovers()
    shutil.rmtree(home, ignore_errors=True)
    lay_out(home)
    with Inbox(home / "inbox.jsonl") as inbox, deployment.closing():
        people = _fill(deployment)
        deployment.extra = {**SETTINGS, **_connections(deployment, inbox)}
        progress.done(f"Postgres is up, with {people:,} customers in it")
        with deployment.running(lambda: progress.show("Airflow: migrations, API server, DAG processor, scheduler")):
            progress.done(f"Airflow is up: {deployment.url}  (user {deployment.user}, password {deployment.password})")
            opens_at = _publish(deployment)
            progress.done(f"Published: outcamp publish {NAME}. In Tokyo the window opens at {opens_at:%H:%M} UTC")
            report = _watch(deployment, inbox, progress)
            print(json.dumps(report, indent=2, default=str) if args.json else report_text(report), flush=True)
            if args.keep:
                _keep(deployment)
    return 0 if report["balanced"] else 1


class Progress:
    """The line that moves while something takes its time, and the lines that stay."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._began = self._lap = time.monotonic()
        self._live = sys.stdout.isatty() and not quiet

    def show(self, text: str) -> None:
        """Show what is going on, on a terminal."""
        if self._live:
            sys.stdout.write(f"\r\033[K{self.seconds:5.0f} s  {text}")
            sys.stdout.flush()

    def done(self, text: str) -> None:
        """Leave a line that says what was done, and how long it took."""
        now = time.monotonic()
        if not self._quiet:
            print(f"{chr(13) + chr(27) + '[K' if self._live else ''}{self.seconds:5.0f} s  {text}  ({now - self._lap:.0f} s)", flush=True)
        self._lap = now

    @property
    def seconds(self) -> float:
        """The seconds since the demo began."""
        return time.monotonic() - self._began


def lay_out(home: Path) -> None:
    """Make the demo's project: the segments and the templates of include/demo, as somebody would write them."""
    project = Project(home)
    project.drafts.mkdir(parents=True)
    shutil.copytree(DEMO / "segments", project.segments)
    shutil.copytree(DEMO / "templates", project.templates)


def statements(name: str) -> list[bytes]:
    """Return the statements of a file of include/demo/setup, each to be run alone: Postgres takes ALTER SYSTEM with no other beside it."""
    text = (DEMO / "setup" / name).read_text(encoding="utf-8")
    return [statement.encode() for statement in text.split(";") if statement.strip()]


def _fill(deployment: Deployment) -> int:
    """Fill the customers' database and the do-not-contact list, and return how many customers there are."""
    import psycopg
    import pyarrow as pa

    from outcamp.cli.demo_people import RECENT, make_people
    from outcamp.frames.hashing import buckets
    from outcamp.store import rehearsal
    from outcamp.store.ledger import Ledger

    now = datetime.now(UTC)
    people = make_people(now)
    with psycopg.connect(deployment.ledger, autocommit=True) as connection:
        for statement in statements("unsafe.sql"):
            connection.execute(statement)
    with psycopg.connect(deployment.database("warehouse")) as connection:
        for statement in statements("warehouse.sql"):
            connection.execute(statement)
        with connection.cursor().copy("COPY customers FROM STDIN") as copy:
            for row in people.rows:
                copy.write_row(row)
        connection.cursor().executemany("INSERT INTO employees VALUES (%s)", [(customer,) for customer in people.employees])
    ids = pa.array([customer for customer, _ in people.contacted])
    history = pa.table(
        {
            "recipient_id": ids,
            "bucket": pa.array(buckets(pa.chunked_array([ids])), pa.int16()),
            "campaign": pa.repeat(RECENT, len(ids)),
            "contacted_at": pa.array([at for _, at in people.contacted], pa.timestamp("us", tz="UTC")),
            "active": pa.repeat(True, len(ids)),
        }
    )
    suppressed = pa.array(people.suppressed)
    nobody = pa.nulls(len(suppressed), pa.string())
    listed = pa.table({"recipient_id": suppressed, "endpoint": nobody, "channel": pa.repeat("", len(suppressed))})
    with closing(Ledger.at(deployment.ledger)) as ledger:
        ledger.migrate()
        with ledger.transaction() as tx:
            rehearsal.load_history(tx, history, now)
            rehearsal.load_suppressions(tx, listed, now)
    return len(people.rows)


def _connections(deployment: Deployment, inbox: Inbox) -> dict[str, str]:
    """Return the two Airflow connections of the demo: the customers' database, and the mail server."""
    import psycopg

    warehouse = psycopg.conninfo.conninfo_to_dict(deployment.database("warehouse"))
    return {
        "AIRFLOW_CONN_WAREHOUSE": json.dumps(
            {"conn_type": "postgres", "login": warehouse["user"], "schema": "warehouse", "extra": {"host": warehouse["host"]}}
        ),
        "AIRFLOW_CONN_INBOX": json.dumps(
            {"conn_type": "smtp", "host": "127.0.0.1", "port": inbox.port, "extra": {"disable_ssl": True, "disable_tls": True}}
        ),
    }


def _publish(deployment: Deployment) -> datetime:
    """Write the campaign file and publish it by the command; return when the late window opens."""
    now = datetime.now(UTC)
    # The first whole minute that leaves the first wave its time.
    opens_at = (now + timedelta(seconds=100)).replace(second=0, microsecond=0)
    (Project(deployment.home).drafts / f"{NAME}.yaml").write_text(campaign_text(now, opens_at), encoding="utf-8")
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "outcamp", "publish", NAME], env=deployment.environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise DemoFailed(f"outcamp publish {NAME}: {done.stderr}", next_step="report it; the demo publishes what it wrote itself")
    return opens_at


def _watch(deployment: Deployment, inbox: Inbox, progress: Progress) -> dict[str, Any]:
    """Show how the campaign goes until it is completed, and return what became of it."""
    from outcamp.cli.demo_report import collect, line_of
    from outcamp.steps.published import read_published
    from outcamp.steps.status import campaign_status
    from outcamp.store.ledger import Ledger

    manifest = read_published(deployment.home, NAME)
    with closing(Ledger.at(deployment.ledger)) as ledger:
        status = campaign_status(ledger, NAME, manifest, ledger.now(), WAVE_INTERVAL)
        while status.state != "Completed":
            deployment.check()
            if progress.seconds > LONGEST_SECONDS:
                logs = deployment.state / "logs"
                raise DemoFailed(f"The campaign is {status.state} after {LONGEST_SECONDS} seconds.", next_step=f"read {logs}")
            progress.show(line_of(status, inbox.count))
            time.sleep(1)
            status = campaign_status(ledger, NAME, manifest, ledger.now(), WAVE_INTERVAL)
        progress.done(f"{NAME} is {status.state}")
        return collect(ledger, status, inbox, deployment, progress.seconds)


def _keep(deployment: Deployment) -> None:
    print(f"Everything keeps running: {deployment.url}. Ctrl-C stops it.", flush=True)
    while True:
        deployment.check()
        time.sleep(1)
