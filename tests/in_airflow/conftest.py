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
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from breakable import BreakableDeployment
from slow_inbox import SlowInbox, subject_of

from outcamp.cli.deployment_settings import CHECKOUT
from outcamp.steps.published import read_published
from outcamp.steps.status import CampaignStatus, campaign_status
from outcamp.store.ledger import Ledger
from statsd import Listener

PATIENCE = 240  # seconds; a deadline for something that never comes, not a measure of speed
PEOPLE, CROWD = 120, 600  # three chunks of one batch; and so many that a slow send is certainly still at work
INTERVAL = timedelta(seconds=5)
CAMPAIGN = """\
name: {name}
segment: {{file: {people}.csv}}
channel: email
channels:
  email: {{transport: inbox, sender: "Acme <news@acme.example>", subject: "{name}", body: "Hello {{{{ first_name }}}}", batch_size: 1000}}
{more}"""


@dataclass
class World:
    """A deployment with its mail server, and what tests ask of it."""

    deployment: BreakableDeployment
    inbox: SlowInbox
    statsd: Listener

    def publish(self, name: str, more: str = "", people: str = "people") -> None:
        """Publish a campaign by the command."""
        text = CAMPAIGN.format(name=name, more=more, people=people)
        (self.deployment.home / "dags" / "campaigns" / f"{name}.yaml").write_text(text, encoding="utf-8")
        self.outcamp("publish", name)

    def outcamp(self, *arguments: str) -> str:
        """Run the command as somebody does in another terminal, who has told it no more than where the project lies."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "OUTCAMP"))}
        environment |= {"OUTCAMP_HOME": str(self.deployment.home), "AIRFLOW_CONN_INBOX": self.deployment.extra["AIRFLOW_CONN_INBOX"]}
        command = [sys.executable, "-m", "outcamp", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert 0 == done.returncode, done.stderr
        return done.stdout

    def received(self, name: str) -> Counter[str]:
        """How many messages of a campaign the mail server took in for each person, by its own log."""
        lines = (self.deployment.home / "inbox.jsonl").read_text(encoding="utf-8").splitlines()
        messages = [json.loads(line) for line in lines]
        return Counter(message["to"].partition("@")[0] for message in messages if subject_of(message["text"]) == name)

    def counted(self, name: str, metric: str) -> int:
        """What Airflow's metrics said of a campaign, summed up."""
        lines = [line.partition(":") for line in self.statsd.heard]
        return sum(int(value.removesuffix("|c")) for said, _, value in lines if said == f"airflow.outcamp.{metric},campaign={name}")

    def unknown(self, name: str) -> set[str]:
        """The people of a campaign of whom the ledger does not know whether they got their message."""
        return {row[0] for row in self._attempts(name) if row[1] == "unknown"}

    def status(self, name: str) -> CampaignStatus:
        """What the ledger says of a campaign."""
        manifest = read_published(self.deployment.home, name)
        with closing(Ledger.at(self.deployment.ledger)) as ledger:
            return campaign_status(ledger, name, manifest, ledger.now(), INTERVAL)

    def api(self, method: str, path: str, body: object | None = None) -> Any:
        """Call Airflow's API as the UI does."""
        return self.deployment.api(method, path, body)

    def runs(self, name: str) -> dict[str, str]:
        """The states of a campaign's runs by id."""
        found = self.api("GET", f"/dags/outcamp.{name}/dagRuns?limit=100")
        return {run["dag_run_id"]: run["state"] for run in found["dag_runs"]}

    def occurrence(self, name: str) -> str:
        """The run of a campaign's one scheduled occurrence."""
        (run,) = (run for run in self.runs(name) if "-" not in run)
        return run

    def task(self, name: str, task: str) -> dict[str, Any]:
        """What Airflow knows of one task of a campaign's occurrence; of a mapped one, its first part."""
        found = self.api("GET", f"/dags/outcamp.{name}/dagRuns/{self.occurrence(name)}/taskInstances?limit=100")
        tasks: list[dict[str, Any]] = [one for one in found["task_instances"] if one["task_id"] == task]
        return min(tasks, key=lambda one: one["map_index"])

    def clear(self, name: str, *tasks: str) -> None:
        """Clear tasks of a campaign's occurrence, without those after them; without a name, the whole run."""
        body = {"dry_run": False, "dag_run_id": self.occurrence(name), "only_failed": False, "reset_dag_runs": True}
        self.api("POST", f"/dags/outcamp.{name}/clearTaskInstances", body | ({"task_ids": list(tasks)} if tasks else {}))

    def mark(self, name: str, task: str, state: str) -> None:
        """Mark one task of a campaign's occurrence, as the UI does."""
        path = f"/dags/outcamp.{name}/dagRuns/{self.occurrence(name)}/taskInstances/{task}"
        index = self.task(name, task)["map_index"]
        self.api("PATCH", path if index < 0 else f"{path}/{index}", {"new_state": state})

    def pause(self, name: str, *, paused: bool = True) -> None:
        """Move Airflow's switch."""
        self.api("PATCH", f"/dags/outcamp.{name}?update_mask=is_paused", {"is_paused": paused})

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

    def everybody_once(self, name: str, occurrences: int = 1) -> None:
        """Nobody got a message twice in an occurrence, whoever got none is unknown in the ledger, and the books balance."""
        received, unknown, status = self.received(name), self.unknown(name), self.status(name)
        people = {f"p{number:03d}" for number in range(PEOPLE)}
        assert [] == [person for person, count in received.items() if count > occurrences]
        assert people - unknown == {person for person, count in received.items() if count == occurrences} - unknown
        assert (PEOPLE * occurrences, 0, 0, 0) == (
            status.counts.submitted,
            status.counts.waiting,
            status.counts.in_hand,
            status.counts.open_entries,
        )
        assert status.balanced

    def _attempts(self, name: str) -> list[tuple[str, str | None]]:
        query = "SELECT recipient_id, disposition FROM outcamp.attempts JOIN outcamp.campaigns USING (campaign_id) WHERE name = %s"
        with psycopg.connect(self.deployment.ledger) as connection:
            return connection.execute(query, [name]).fetchall()

    def _states(self) -> str:
        found = self.api("GET", "/dags/~/dagRuns?limit=100")
        return str([(run["dag_run_id"], run["state"]) for run in found["dag_runs"] if run["dag_id"] != "outcamp.dispositions"])


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A running Airflow with a mail server, and campaigns that begin at once."""
    home = tmp_path_factory.mktemp("project")
    for folder in ("dags/campaigns", "dags/published", "include/templates", "include/sql/segments"):
        (home / folder).mkdir(parents=True)
    for file, count in (("people", PEOPLE), ("crowd", CROWD), ("late", PEOPLE)):
        rows = [f"p{number:03d},p{number:03d}@example.com,Pat{number}" for number in range(count)]
        (home / f"{file}.csv").write_text("\n".join(["recipient_id,email,first_name", *rows]) + "\n", encoding="utf-8")
    with SlowInbox(home / "inbox.jsonl") as inbox, Listener() as statsd:
        connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": inbox.port, "extra": {"disable_ssl": True, "disable_tls": True}}
        deployment = BreakableDeployment(
            home,
            port=free_port(),
            extra={
                "PYTHONPATH": os.pathsep.join([str(CHECKOUT / "plugins"), str(CHECKOUT / "tests"), os.environ.get("PYTHONPATH", "")]),
                "OUTCAMP_WAVE_INTERVAL": "5",
                "OUTCAMP_PULSE": "10",
                "AIRFLOW_CONN_INBOX": json.dumps(connection),
                "AIRFLOW_CONN_OPS": json.dumps(connection | {"extra": connection["extra"] | {"from_email": "ops@example.com"}}),
                "AIRFLOW__METRICS__STATSD_ON": "True",
                "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
                "AIRFLOW__METRICS__STATSD_PORT": str(statsd.port),
                "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": "True",
                "AIRFLOW__CORE__PARALLELISM": "16",
                "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "2",
                # A task or a scheduler that died is missed soon.
                "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
                "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
                "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "12",
                "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
            },
        )
        world = World(deployment, inbox, statsd)
        with deployment.running():
            _begin_campaigns(world)
            yield world


def _begin_campaigns(world: World) -> None:
    """Publish the campaigns that run beside each other while the first tests look at each of them."""
    world.publish("cleared", "owner: ops@example.com\n")
    for name in ("deleted-run", "triggered"):
        world.publish(name)
    world.publish("failed", "notify: [ops]\n", people="late")
    (world.deployment.home / "late.csv").unlink()
    now = datetime.now(UTC).replace(microsecond=0)
    start, expires = (f"{at:%Y-%m-%d %H:%M:%S}" for at in (now + timedelta(seconds=60) - timedelta(hours=3), now + timedelta(seconds=60)))
    world.publish("repeated", f'schedule: {{start: "{start}", time_zone: UTC, repeat: hourly}}\n')
    world.inbox.slow_down("expired", pace=0.1)
    world.publish("expired", f'schedule: {{time_zone: UTC, expires: "{expires}"}}\n', people="crowd")


def free_port() -> int:
    """A port of loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
