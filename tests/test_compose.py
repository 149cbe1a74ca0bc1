"""The compose file, checked without an engine: pinned, watched over, and without a password of its own."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docker-compose.yaml").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(TEXT)


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
