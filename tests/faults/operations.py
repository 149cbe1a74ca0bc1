"""The doors of a step to the world, watched: each operation on the ledger, the lake and the transport is a point of the scheduler."""

from __future__ import annotations

import select
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PosixPath
from typing import Any, ClassVar

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.waiting import Ready, Wait

from faults.scheduler import Crash, Scheduler
from outcamp.store.sql import queries

PATIENCE = 2  # milliseconds until a silent server is asked whether it waits for a lock; the answer does not depend on it

# Much quicker than TRUNCATE, and every number begins at one again; without foreign keys' triggers the order does not matter.
EMPTY = """
DO $$ DECLARE command text; BEGIN
    SET LOCAL session_replication_role = replica;
    FOR command IN
        SELECT format('DELETE FROM %I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('outcamp', 'faults')
        UNION ALL SELECT format('SELECT setval(%L, 1, false)', format('%I.%I', schemaname, sequencename))
        FROM pg_sequences WHERE schemaname IN ('outcamp', 'faults') AND last_value IS NOT NULL
    LOOP EXECUTE command; END LOOP;
END $$"""
# A diary of the harness's own: every state that any attempt ever had, whatever became of it later.
DIARY = """
CREATE SCHEMA faults;
CREATE TABLE faults.diary (
    page bigint GENERATED ALWAYS AS IDENTITY, occurrence_id bigint, recipient_id text, attempt int,
    was text, is_now text, disposition text, wave_id bigint, batch int, token int);
CREATE FUNCTION faults.write() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO faults.diary (occurrence_id, recipient_id, attempt, was, is_now, disposition, wave_id, batch, token)
    VALUES (NEW.occurrence_id, NEW.recipient_id, NEW.attempt, CASE TG_OP WHEN 'UPDATE' THEN OLD.state END, NEW.state, NEW.disposition,
            NEW.wave_id, NEW.batch, NEW.token);
    RETURN NULL;
END $$;
CREATE TRIGGER diary AFTER INSERT OR UPDATE ON outcamp.attempts FOR EACH ROW EXECUTE FUNCTION faults.write();
"""
SWEEP = 100  # seeds until what was deleted is swept out


class Monitor:
    """A connection of the driver's own, which sees the locks of all others."""

    def __init__(self, uri: str) -> None:
        self.connection = psycopg.connect(uri, autocommit=True)

    def waits(self, pid: int) -> bool:
        """Tell whether this server process waits for a lock that somebody else holds."""
        return bool(self.connection.execute("SELECT 1 FROM pg_locks WHERE pid = %s AND NOT granted", [pid]).fetchall())

    def cancel(self, pid: int) -> None:
        """Make the server give up the statement of this process."""
        self.connection.execute("SELECT pg_cancel_backend(%s)", [pid])


class Wire(psycopg.Connection[Any]):
    """A connection whose statements, when they wait for a lock of another actor, hand the baton on instead of stopping everybody."""

    scheduler: Scheduler | None = None
    monitor: Monitor
    poller: select.poll
    setup: dict[str, psycopg.Cursor[Any]]

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        """Run a conversation with the server to its end, as psycopg does, looking out for locks."""
        if self.scheduler is None or self.scheduler.running is None:
            return super().wait(gen, *args, **kwargs)
        order = "go"
        try:
            wants = next(gen)
            while True:
                ready = self._poll(wants, PATIENCE)
                if not ready and self.monitor.waits(self.info.backend_pid):
                    order = self.scheduler.wait_for_lock(self)
                wants = gen.send(ready)
        except StopIteration as done:
            return done.value
        except psycopg.errors.QueryCanceled:
            if order == "crash":
                raise Crash from None
            raise

    def set_up(self, text: str) -> psycopg.Cursor[Any]:
        """Run a statement that sets up a session; one that this connection had under an earlier borrower still holds."""
        if text not in self.setup:
            self.setup[text] = self.execute(text.encode())
        return self.setup[text]

    def can_go_on(self) -> bool:
        """Tell whether the statement has its answer or still waits for a lock."""
        while not self._poll(Wait.R, PATIENCE):
            if self.monitor.waits(self.info.backend_pid):
                return False
        return True

    def cancel(self) -> None:  # type: ignore[override]
        """Let the server give the statement up, and wait until it has."""
        self.monitor.cancel(self.info.backend_pid)
        while not self._poll(Wait.R, PATIENCE):
            pass

    def _poll(self, wants: Wait, milliseconds: int) -> int:
        reads, writes = select.POLLIN if wants & Wait.R else 0, select.POLLOUT if wants & Wait.W else 0
        self.poller.register(self.pgconn.socket, reads | writes)
        events = self.poller.poll(milliseconds)
        if not events:
            return 0
        flags = events[0][1]
        return (Ready.R if flags & ~select.POLLOUT else 0) | (Ready.W if flags & select.POLLOUT else 0)


class Wires:
    """Open connections, lent to one step after the other: a step that ends or crashes leaves a rolled back one behind."""

    def __init__(self, uri: str) -> None:
        self.uri, self.monitor = uri, Monitor(uri)
        self.monitor.connection.execute(DIARY)
        self._free: list[Wire] = []
        self._emptied = 0

    def take(self, scheduler: Scheduler) -> Wire:
        """Lend a connection."""
        if not self._free:
            wire = Wire.connect(self.uri, autocommit=True)
            # Who waits for whom in a circle is the driver's to find, at the same point in each run.
            wire.execute("SET deadlock_timeout = '1h'")
            wire.monitor, wire.poller, wire.setup = self.monitor, select.poll(), {}
            self._free.append(wire)
        wire = self._free.pop()
        wire.scheduler = scheduler
        return wire

    def give(self, wire: Wire) -> None:
        """Take a connection back, as the server is left when the client is gone."""
        wire.scheduler = None
        if wire.info.transaction_status != TransactionStatus.IDLE:
            wire.rollback()
        self._free.append(wire)

    def empty(self) -> None:
        """Empty every table of the ledger."""
        self._emptied += 1
        if self._emptied % SWEEP == 0:
            self.monitor.connection.execute("VACUUM")
        self.monitor.connection.execute(EMPTY)

    def close(self) -> None:
        """Close all."""
        for wire in self._free:
            wire.close()
        self.monitor.connection.close()


class Session:
    """The connection that a step's ledger gets: what it does goes to the wire, a point before each operation and after each commit."""

    def __init__(self, scheduler: Scheduler, wires: Wires) -> None:
        self._scheduler, self._wires = scheduler, wires
        self._wire: Wire | None = wires.take(scheduler)
        self._names = {text: name for name, text in queries().items()}

    @property
    def closed(self) -> bool:
        """Tell whether the connection is gone."""
        return self._wire is None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._open(), name)

    def execute(self, query: Any, params: Any = None, **options: Any) -> psycopg.Cursor[Any]:
        """Run one statement."""
        text = query.decode() if isinstance(query, bytes) else str(query)
        wire = self._open()
        if wire.info.transaction_status == TransactionStatus.IDLE and params is None:
            return wire.set_up(text)
        self._point(f"ledger {self._names.get(text) or text.strip().splitlines()[0][:40]}")
        return wire.execute(query, params, **options)

    def cursor(self, *args: Any, **options: Any) -> psycopg.Cursor[Any]:
        """Return a cursor, for COPY."""
        self._point("ledger cursor")
        return self._open().cursor(*args, **options)

    @contextmanager
    def transaction(self, *args: Any, **options: Any) -> Iterator[Any]:
        """Run a block as one transaction; both the commit and its answer can be lost."""
        self._point("ledger begin")
        try:
            self._mark(in_transaction=True)
            with self._open().transaction(*args, **options) as block:
                yield block
                self._point("ledger commit")
            self._scheduler.committed()
        finally:
            self._mark(in_transaction=False)
            self._scheduler.settle()
        self._point("ledger committed")

    def close(self) -> None:
        """Give the connection up."""
        if self._wire is not None:
            wire, self._wire = self._wire, None
            self._wires.give(wire)
            self._scheduler.settle()

    def _mark(self, *, in_transaction: bool) -> None:
        if self._scheduler.running is not None:
            self._scheduler.running.in_transaction = in_transaction

    def _open(self) -> Wire:
        if self._wire is None:
            raise psycopg.OperationalError("the connection is closed")
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
            self.scheduler.point(f"lake {what} {Path(self).parts[-3].split('=')[0]}/{self.parent.name}")
