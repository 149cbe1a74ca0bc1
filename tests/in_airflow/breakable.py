"""A deployment whose processes can be killed and started again."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from dataclasses import dataclass, field

import psutil

from outcamp.cli.deployment import COMPONENTS, Deployment


@dataclass
class BreakableDeployment(Deployment):
    """The embedded deployment, and what can be done to it."""

    _orphans: list[psutil.Process] = field(default_factory=list, init=False, repr=False)
    _database: str = field(default="well", init=False, repr=False)

    def kill(self, component: str) -> None:
        """Kill one process of a component, and nothing that it has started."""
        process = self._running.pop(component)
        self._orphans += psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()

    def kill_database(self) -> None:
        """Kill Postgres with all of its processes."""
        pid = int((self.home / ".outcamp" / "postgres" / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        _kill_tree(pid)
        self._database = "away"

    def kill_everything(self) -> None:
        """Kill all processes of the deployment, as a machine does that loses its power."""
        for component in [*self._running]:
            process = self._running.pop(component)
            _kill_tree(process.pid)
            process.wait()
        self.kill_database()

    def start_database(self) -> None:
        """Start Postgres again; in a process of its own, because this one believes that it runs."""
        program = "import sys, pathlib; from outcamp.store.embedded import embedded_uri; embedded_uri(pathlib.Path(sys.argv[1]))"
        subprocess.run([sys.executable, "-W", "ignore", "-c", program, str(self.home)], check=True)
        self._database = "back"

    def start_missing(self) -> None:
        """Start the components that do not run, and wait until all are well."""
        self._start_ended()
        self._await_health(lambda: None)

    def check(self) -> None:
        """Raise when a component has ended by itself; one that could not do without Postgres is started again, when Postgres is."""
        if self._database == "away":
            return
        if self._database == "back":
            self._start_ended()
        super().check()

    def _start_ended(self) -> None:
        self._end_orphans()
        for component in COMPONENTS:
            if component not in self._running or self._running[component].poll() is not None:
                self._start(component, self.environment())

    def stop(self) -> None:
        """Stop everything, also what killed components left behind."""
        self._end_orphans()
        super().stop()

    def _end_orphans(self) -> None:
        # As `outcamp up`, systemd and containers do: a killed scheduler's workers keep its connection open, and so its locks in Postgres.
        for process in self._orphans:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._orphans.clear()


def _kill_tree(pid: int) -> None:
    """Kill a process and all that it has started; nobody is asked, and nobody can tidy up."""
    root = psutil.Process(pid)
    processes = [root, *root.children(recursive=True)]
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=10)
