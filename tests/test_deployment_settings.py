"""The secrets of the embedded deployment: made once, whole or not at all, and for their owner alone."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

from outcamp.cli.airflow_api import AirflowApi
from outcamp.cli.deployment_settings import environment_of, password_of, secret_file

PLUGINS = Path(__file__).parents[1] / "plugins"
KEYS = ("AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__API__SECRET_KEY")


def test_secrets_are_made_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    """The next start has the same ones, or it could not read what Airflow has encrypted."""
    path = tmp_path / "airflow" / "secrets.json"
    assert {"jwt": "first"} == secret_file(path, lambda: {"jwt": "first"})
    assert {"jwt": "first"} == secret_file(path, lambda: {"jwt": "second"})
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert [path] == list(path.parent.iterdir())


def test_a_start_that_is_killed_while_it_writes_leaves_no_half_file(tmp_path: Path) -> None:
    """Killed before what it wrote is safe on the disk, it leaves no file of that name, and nothing that others may read."""
    program = (
        "import os, sys, pathlib\nfrom outcamp.cli.deployment_settings import secret_file\n"
        "os.umask(0)\nos.fsync = lambda _: os._exit(9)\nsecret_file(pathlib.Path(sys.argv[1]), lambda: {'jwt': 'lost'})"
    )
    path = tmp_path / "secrets.json"
    done = subprocess.run([sys.executable, "-c", program, str(path)], env=os.environ | {"PYTHONPATH": str(PLUGINS)}, check=False)
    assert (9, False) == (done.returncode, path.exists())
    assert [0o600] == [stat.S_IMODE(left.stat().st_mode) for left in tmp_path.iterdir()]
    assert {"jwt": "made"} == secret_file(path, lambda: {"jwt": "made"})


def test_a_file_that_an_earlier_version_left_empty_is_made_anew(tmp_path: Path) -> None:
    """It was killed between making the file and writing into it, and no start after that came up."""
    path = tmp_path / "secrets.json"
    path.touch()
    assert {"jwt": "made"} == secret_file(path, lambda: {"jwt": "made"}) == secret_file(path, dict)


def test_the_environment_names_one_password_and_three_keys(tmp_path: Path) -> None:
    """All components share them, and Airflow reads the password where it was made."""
    first, second = (environment_of(tmp_path, tmp_path, 8080, "postgresql://x", "postgresql+psycopg2://x") for _ in range(2))
    assert first == second
    assert 3 == len({first[key] for key in KEYS})
    passwords = Path(first["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    assert {"admin": password_of(tmp_path)} == secret_file(passwords, dict)


def test_an_api_that_does_not_answer_is_not_healthy() -> None:
    """Airflow is still coming up."""
    assert not AirflowApi("http://127.0.0.1:1", "admin", "s3cret").is_healthy()
    assert "s3cret" not in repr(AirflowApi("http://127.0.0.1:1", "admin", "s3cret"))
