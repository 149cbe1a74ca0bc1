"""A running Airflow for the tests of this folder: one deployment, campaigns that run side by side, and a mail server that keeps a log."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta

import pytest

from outcamp.cli.demo_inbox import Inbox
from outcamp.cli.deployment import CHECKOUT, Deployment
from outcamp.steps.published import read_published
from outcamp.steps.status import CampaignStatus, campaign_status
from outcamp.store.ledger import Ledger

PATIENCE = 240  # seconds; a deadline for something that never comes, not a measure of speed
PEOPLE = 60
INTERVAL = timedelta(seconds=5)
CAMPAIGN = """\
name: {name}
segment: {{file: people.csv}}
channel: email
channels:
  email: {{transport: inbox, sender: "Acme <news@acme.example>", subject: "{name}", body: "Hello {{{{ first_name }}}}", batch_size: 30}}
{more}"""


class SlowInbox(Inbox):
    """A mail server that takes its time with each message, so that something can happen in between."""

    pace = 0.0

    def keep(self, recipient: str, text: str) -> None:
        """Keep a message, after a moment."""
        time.sleep(self.pace)
        super().keep(recipient, text)


@dataclass
class World:
    """A deployment with its mail server, and what tests ask of it."""

    deployment: Deployment
    inbox: SlowInbox

    def publish(self, name: str, more: str = "") -> None:
        """Publish a campaign by the command."""
        (self.deployment.home / "dags" / "campaigns" / f"{name}.yaml").write_text(CAMPAIGN.format(name=name, more=more), encoding="utf-8")
        command = [sys.executable, "-m", "outcamp", "publish", name]
        done = subprocess.run(command, env=self.deployment.environment(), capture_output=True, text=True, check=False)
        assert 0 == done.returncode, done.stderr

    def received(self, name: str) -> Counter[str]:
        """How often the mail server got each message of a campaign, by its own log."""
        lines = (self.deployment.home / "inbox.jsonl").read_text(encoding="utf-8").splitlines()
        messages = [json.loads(line) for line in lines]
        return Counter(message["message_id"] for message in messages if f"Subject: {name}" in message["text"].splitlines())

    def status(self, name: str) -> CampaignStatus:
        """What the ledger says of a campaign."""
        manifest = read_published(self.deployment.home, name)
        with closing(Ledger.at(self.deployment.ledger)) as ledger:
            return campaign_status(ledger, name, manifest, ledger.now(), INTERVAL)

    def runs(self, name: str) -> dict[str, str]:
        """The states of a campaign's runs by id."""
        found = self.deployment.api("GET", f"/dags/outcamp.{name}/dagRuns?limit=100")
        return {run["dag_run_id"]: run["state"] for run in found["dag_runs"]}

    def settled(self, name: str) -> bool:
        """Whether the campaign is completed and none of its runs goes on."""
        return self.status(name).state == "Completed" and "running" not in self.runs(name).values()

    def wait(self, happened: Callable[[], bool], what: str) -> None:
        """Wait until something has happened."""
        deadline = time.monotonic() + PATIENCE
        while not happened():
            self.deployment.check()
            assert time.monotonic() < deadline, f"{what} did not happen; {self._states()}"
            time.sleep(0.5)

    def _states(self) -> str:
        found = self.deployment.api("GET", "/dags/~/dagRuns?limit=100")
        return str([(run["dag_run_id"], run["state"]) for run in found["dag_runs"] if run["dag_id"] != "outcamp.dispositions"])


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A running Airflow with a mail server, and three campaigns that begin at once."""
    home = tmp_path_factory.mktemp("project")
    for folder in ("dags/campaigns", "dags/published", "include/templates", "include/sql/segments"):
        (home / folder).mkdir(parents=True)
    rows = [f"p{number:03d},p{number:03d}@example.com,Pat{number}" for number in range(PEOPLE)]
    (home / "people.csv").write_text("\n".join(["recipient_id,email,first_name", *rows]) + "\n", encoding="utf-8")
    with SlowInbox(home / "inbox.jsonl") as inbox:
        connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": inbox.port, "extra": {"disable_ssl": True, "disable_tls": True}}
        deployment = Deployment(
            home,
            port=free_port(),
            extra={
                "PYTHONPATH": os.pathsep.join([str(CHECKOUT / "plugins"), os.environ.get("PYTHONPATH", "")]),
                "OUTCAMP_WAVE_INTERVAL": "5",
                "OUTCAMP_PULSE": "20",
                "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "2",
                "AIRFLOW_CONN_INBOX": json.dumps(connection),
            },
        )
        world = World(deployment, inbox)
        with deployment.running():
            for name in ("cleared", "deleted-run", "triggered"):
                world.publish(name)
            yield world


def free_port() -> int:
    """A port of loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
