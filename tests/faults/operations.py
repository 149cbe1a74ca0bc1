"""The doors of a step to the world, watched: each operation on the ledger and the lake is a point of the scheduler."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PosixPath
from typing import Any, ClassVar

import psycopg

from faults.scheduler import Crash, Scheduler
from faults.wire import Answer, Wire
from faults.wires import Wires


class Session:
    """The connection that a step's ledger gets: what it does goes to the wire, a point before each operation and after each commit."""

    autocommit = True

    def __init__(self, scheduler: Scheduler, wires: Wires) -> None:
        self._scheduler, self._wires = scheduler, wires
        self._wire: Wire | None = wires.take(scheduler)
        self._begun = False

    @property
    def closed(self) -> bool:
        """Tell whether the connection is gone."""
        return self._wire is None

    def execute(self, query: bytes | str, params: dict[str, Any] | None = None) -> Answer:
        """Run one statement."""
        text = query.decode() if isinstance(query, bytes) else query
        if not self._begun:
            return self._open().set_up(text)
        name = self._wires.name_of(text)
        self._point(f"ledger {name}")
        answer = self._open().execute(text, params)
        if name == "take-turn" and self._scheduler.running is not None:
            at, is_taken = answer.rows[0]
            self._scheduler.running.turn = at if is_taken else None
        return answer

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run a block as one transaction; both the commit and its answer can be lost."""
        self._point("ledger begin")
        self._open().begin()
        try:
            self._mark(begun=True)
            yield
            self._point("ledger commit")
            self._open().commit()
            self._scheduler.committed()
        except BaseException:
            if self._wire is not None:
                self._wire.roll_back()
            raise
        finally:
            self._mark(begun=False)
            self._scheduler.settle(self._wire)
        self._point("ledger committed")

    def close(self) -> None:
        """Give the connection up."""
        if self._wire is not None:
            wire, self._wire = self._wire, None
            self._wires.give(wire)
            self._scheduler.settle(wire)

    def _mark(self, *, begun: bool) -> None:
        self._begun = begun
        if self._scheduler.running is not None:
            self._scheduler.running.in_transaction = begun
            if begun:
                self._scheduler.running.begun = self._scheduler.commits
            self._scheduler.running.decides = False

    def _open(self) -> Wire:
        if self._wire is None:
            raise psycopg.OperationalError("the connection is closed")
        if self._wire.is_cut:
            raise psycopg.OperationalError("terminating connection due to administrator command")
        return self._wire

    def _point(self, what: str) -> None:
        if self._scheduler.point(what) == "lose":
            raise psycopg.OperationalError("server closed the connection unexpectedly")


class LakePath(PosixPath):
    """A path below the lake's root: writing, renaming and removing files are points, and a crash tears a file that is being written."""

    scheduler: ClassVar[Scheduler | None] = None
    being_written: ClassVar[set[str]] = set()

    def open(self, mode: str = "r", *args: Any, **options: Any) -> Any:  # type: ignore[override]
        """Open the file; one that is opened for writing is torn until it is renamed."""
        if "r" not in mode:
            self._point("write")
            self.being_written.add(str(self))
        return super().open(mode, *args, **options)

    def replace(self, target: Any) -> Any:
        """Rename the file."""
        try:
            self._point("rename")
        except Crash:
            if str(self) in self.being_written:
                with super().open("r+b") as file:
                    file.truncate(self.stat().st_size // 2)
            raise
        self.being_written.discard(str(self))
        renamed = super().replace(target)
        self._point("renamed")
        return renamed

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove the file."""
        self._point("remove")
        super().unlink(missing_ok=missing_ok)

    def _point(self, what: str) -> None:
        if self.scheduler is not None:
            *_, dataset, folder, _ = str(self).split("/")
            self.scheduler.point(f"lake {what} {dataset.split('=')[0]}/{folder}")
