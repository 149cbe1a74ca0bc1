"""The environment of the embedded deployment's components, and the secrets that they share."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg  # noqa: TID253 - this file is only imported by the verbs that work on an embedded deployment

from outcamp.store.whole_files import write_new

CHECKOUT = Path(__file__).resolve().parents[3]
USER = "admin"


def environment_of(home: Path, state: Path, port: int, ledger: str, metadata: str) -> dict[str, str]:
    """Return the environment of every component, and of commands that work on this deployment.

    Args:
        home: The project whose campaigns run.
        state: The folder that holds everything that the deployment writes.
        port: Where the UI answers, on loopback.
        ledger: The URI of the ledger's database.
        metadata: The address of Airflow's own database.
    """
    secret, url = _secrets(state), url_of(port)
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "_AIRFLOW"))},
        **{name: value for name, value in os.environ.items() if name.startswith("AIRFLOW_CONN_")},
        # Airflow looks for its own command on the PATH.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONWARNINGS": "ignore",
        "OUTCAMP_HOME": str(home),
        "OUTCAMP_LEDGER": ledger,
        "AIRFLOW_HOME": str(state / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(CHECKOUT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(state / "airflow" / "passwords.json"),
        "AIRFLOW__CORE__FERNET_KEY": secret["fernet"],
        "AIRFLOW__API_AUTH__JWT_SECRET": secret["jwt"],
        "AIRFLOW__API__SECRET_KEY": secret["session"],
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": metadata.replace("+psycopg2", "+psycopg"),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        # After a crash of this machine the tasks that were running go on within a minute or two; Airflow's own defaults take five.
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "10",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "AIRFLOW__LOGGING__UVICORN_LOGGING_LEVEL": "WARNING",
    }


def url_of(port: int) -> str:
    """Return where the UI answers."""
    return f"http://127.0.0.1:{port}"


def password_of(state: Path) -> str:
    """Return the password of the UI's one user, made up at the first start; Airflow reads it in the same file."""
    return secret_file(state / "airflow" / "passwords.json", lambda: {USER: secrets.token_urlsafe(12)})[USER]


def _secrets(state: Path) -> dict[str, str]:
    def make() -> dict[str, str]:
        fernet = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        return {"jwt": secrets.token_urlsafe(48), "session": secrets.token_urlsafe(48), "fernet": fernet}

    return secret_file(state / "airflow" / "secrets.json", make)


def secret_file(path: Path, make: Callable[[], dict[str, str]]) -> dict[str, str]:
    """Return what a file of secrets says; where there is none it is made, whole or not at all, and for its owner's eyes alone."""
    if path.exists() and not path.stat().st_size:
        path.unlink()  # an earlier version was killed between making the file and writing into it
    if not path.exists():
        with contextlib.suppress(FileExistsError):  # another start was faster, and its secrets are as good
            write_new(path, json.dumps(make()), private=True)
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return found


def airflow_address(server_uri: str) -> str:
    """Return the address of the database ``airflow`` on an embedded server, as Airflow's own settings write it."""
    server = psycopg.conninfo.conninfo_to_dict(server_uri)
    return f"postgresql+psycopg2://{server['user']}@/airflow?host={server['host']}"
