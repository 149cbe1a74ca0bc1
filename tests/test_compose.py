"""The compose file, checked without an engine: pinned, watched over, and without a password of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docker-compose.yaml").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(TEXT)
AIRFLOW = {name: service for name, service in COMPOSE["services"].items() if name not in {"postgres", "redis"}}


def test_all_services_of_a_real_deployment_are_there() -> None:
    """Postgres, Redis, every component of Airflow, and a Celery worker."""
    wanted = {"postgres", "redis", "migrate", "api-server", "scheduler", "dag-processor", "triggerer", "worker"}
    assert wanted == set(COMPOSE["services"])


def test_every_image_is_pinned() -> None:
    """Each image names a version, and the one that is built says from which."""
    assert [] == [name for name, service in COMPOSE["services"].items() if not re.search(r":\d+\.\d+", service["image"])]
    (base,) = re.findall(r"^FROM (\S+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    airflow = re.search(r"^apache-airflow==(\S+)$", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE).group(1)
    assert f"apache/airflow:{airflow}-python3.11" == base


def test_the_image_installs_what_the_lock_says() -> None:
    """Each version of the image is that of requirements.txt."""
    lock = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in (ROOT / "docker-requirements.txt").read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert [] == [pin for pin in pins if pin not in lock]


def test_every_service_that_goes_on_has_a_health_check() -> None:
    """Only the migration, which ends, has none."""
    assert ["migrate"] == [name for name, service in COMPOSE["services"].items() if "healthcheck" not in service]


def test_no_secret_has_a_default() -> None:
    """Each password and key comes from outside, and its absence stops the start."""
    assert set() == set(re.findall(r"\$\{\w+:-", TEXT))
    secrets = [
        line
        for line in TEXT.splitlines()
        if re.search(r"(PASSWORD|SECRET|SECRET_KEY|FERNET_KEY|_CONN|BROKER_URL|BACKEND)(_ASYNC|_LEDGER)?: ", line)
    ]
    assert [] == [line for line in secrets if ":?" not in line]
    assert 9 == len(secrets)


def test_nothing_listens_beyond_the_host() -> None:
    """The one port that is published is published on loopback."""
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert ["127.0.0.1:8080:8080"] == ports


def test_everything_is_written_to_the_volume() -> None:
    """Every component of Airflow reads the project, which is mounted read-only; lake, outcomes and outbox lie where it may write."""
    for service in AIRFLOW.values():
        assert [".:/opt/airflow/project:ro", "state:/opt/airflow/state", "logs:/opt/airflow/logs"] == service["volumes"]
        assert {
            "OUTCAMP_HOME": "/opt/airflow/project",
            "OUTCAMP_STORE": "/opt/airflow/state/lake",
            "OUTCAMP_OUTCOMES": "/opt/airflow/state/outcomes",
            "OUTCAMP_OUTBOX": "/opt/airflow/state/outbox",
        } == {name: value for name, value in service["environment"].items() if name.startswith("OUTCAMP_")}


def test_the_command_is_there_and_the_plugin_once() -> None:
    """The folder of plugins is on Python's path under the same name, as tests/test_web_plugin.py has it: Airflow adds it no second time."""
    folders = {
        (service["environment"]["PYTHONPATH"], service["environment"]["AIRFLOW__CORE__PLUGINS_FOLDER"]) for service in AIRFLOW.values()
    }
    assert {("/opt/airflow/project/plugins", "/opt/airflow/project/plugins")} == folders


def test_the_document_runs_commands_where_airflow_runs() -> None:
    """Each ``docker compose exec`` of docs/airflow.md names a component of Airflow: they have the ledger, the lake and the package."""
    text = (ROOT / "docs" / "airflow.md").read_text(encoding="utf-8")
    assert {"worker", "api-server"} == set(re.findall(r"docker compose exec (?:-e \S+ )?([\w-]+)", text))
    assert {"worker", "api-server"} <= set(AIRFLOW)


def test_docker_compose_accepts_the_file() -> None:
    """Docker's own reader takes the file when every secret is given, and refuses it when one is missing."""
    compose = compose_command()
    secrets = ["POSTGRES_PASSWORD", "REDIS_PASSWORD", "AIRFLOW_JWT_SECRET", "AIRFLOW_SECRET_KEY", "AIRFLOW_FERNET_KEY"]
    given = {name: value for name, value in os.environ.items() if name not in secrets}

    def accepts(names: list[str]) -> bool:
        environment = given | dict.fromkeys(names, "made-up")
        command = [*compose, "-f", "docker-compose.yaml", "config", "-q"]
        return 0 == subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False).returncode

    assert accepts(secrets)
    assert [] == [name for name in secrets if accepts([other for other in secrets if other != name])]


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    """The image is built as the linter of Dockerfiles advises."""
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stdout)


def compose_command() -> list[str]:
    """Docker compose as it is installed here: the plugin of the engine, or the command of its own."""
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    if shutil.which("docker") and 0 == subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode:
        return ["docker", "compose"]
    return pytest.skip("docker compose is not installed")
