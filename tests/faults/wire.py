"""A connection to the ledger that gives way, instead of stopping everybody, where a statement waits for a lock of another actor.

It speaks libpq itself: a seed asks the ledger some hundred times, and most of psycopg's part in it is about what no step needs.
"""

from __future__ import annotations

import re
import select
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import psycopg
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import DiagnosticField, TransactionStatus
from psycopg.pq.abc import PGresult

from faults.scheduler import Crash, Scheduler

PATIENCE = 2  # milliseconds until a silent server is asked whether it waits for a lock; the answer does not depend on it
FAILED, SYNCED = 7, 10  # libpq: PGRES_FATAL_ERROR, PGRES_PIPELINE_SYNC

# Who waits for whom in a circle is the driver's to find, at the same point in each run. A plan is made once, whatever it is asked for.
SETTINGS = """
SET deadlock_timeout = '1h';
SET plan_cache_mode = force_generic_plan;
SET search_path = faults, pg_catalog, public;
"""
# For whom a session waits, and for which lock if that is one by number, or the place in a row's queue behind its first one.
WAIT = """
SELECT pg_blocking_pids(l.pid), CASE locktype WHEN 'advisory' THEN format('%%s %%s', classid, objid) WHEN 'tuple' THEN locktype END
FROM pg_locks l WHERE l.pid = %s AND NOT granted
"""


@dataclass(frozen=True)
class Answer:
    """What the server said to a statement: as much of a cursor as the ledger uses."""

    pgresult: PGresult
    rows: list[tuple[Any, ...]]

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return the rows."""
        return self.rows


class Wire:
    """A connection, lent to one step after the other."""

    def __init__(self, uri: str, monitor: psycopg.Connection[Any], peers: list[Wire]) -> None:
        self._connection = psycopg.connect(uri, autocommit=True)
        self._connection.execute(SETTINGS.encode())
        self._pg, self._monitor = self._connection.pgconn, monitor
        self.number = self._pg.backend_pid
        self._transformer = Transformer(self._connection)
        self._prepared: dict[tuple[str, tuple[int, ...]], bytes] = {}
        self._settings: dict[str, Answer] = {}
        self._poller = select.poll()
        self._poller.register(self._pg.socket, select.POLLIN)
        self.scheduler: Scheduler | None = None
        self._is_to_begin = False
        self._peers = peers
        self.holders: frozenset[int] = frozenset()  # the sessions that the statement waits for
        self.lock: str | None = None
        self.is_cut = False  # the server has ended this session; whoever holds it finds out at the next word

    def begin(self) -> None:
        """Begin a transaction, which the server hears of with the first statement: one way less to it and back."""
        self._is_to_begin = True

    def commit(self) -> None:
        """Commit the transaction."""
        self._end(b"COMMIT")

    def set_up(self, text: str) -> Answer:
        """Run a statement that sets up a session; one that this connection had under an earlier borrower still holds."""
        if text not in self._settings:
            self._settings[text] = self.execute(text)
        return self._settings[text]

    def execute(self, text: str, params: Mapping[str, Any] | None = None) -> Answer:
        """Run one statement; where it waits for a lock, the others go on first."""
        words, names = _positional(text) if params else (text.encode(), ())
        values = self._transformer.dump_sequence([params[name] for name in names], [PyFormat.AUTO] * len(names)) if params else []
        types = tuple(self._transformer.types or ()) if params else ()
        prepared = self._prepared.get((text, types))
        if prepared is None:
            prepared = self._prepared[text, types] = f"s{len(self._prepared)}".encode()
            _checked(self._pg.prepare(prepared, words, types))
        if self._is_to_begin:
            self._is_to_begin = False
            self._pg.enter_pipeline_mode()
            self._pg.send_query_params(b"BEGIN", None)
        self._pg.send_query_prepared(prepared, values, list(self._transformer.formats or ()) if params else None)
        if self._pg.pipeline_status:
            self._pg.pipeline_sync()
        while self._pg.flush():
            pass
        while not self._has_come():
            if self._waits() and self.scheduler is not None and not self._has_left_the_crowd():
                order = self.scheduler.wait_for_lock(self)
                if self.is_cut:
                    raise Crash if order == "crash" else psycopg.OperationalError("terminating connection due to administrator command")
                if order == "crash":
                    self._drained()
                    raise Crash
        result = self._drained()
        _checked(result)
        self._transformer.set_pgresult(result)
        return Answer(result, self._transformer.load_rows(0, result.ntuples, tuple))

    def waits_for(self, ended: object) -> bool:
        """Tell whether the statement waited for the session that has just ended its transaction."""
        return isinstance(ended, Wire) and ended.number in self.holders

    def can_go_on(self) -> bool:
        """Tell whether the statement has its answer or still waits for a lock."""
        while not self._waits():
            if self._has_come():
                return True
        return self._has_left_the_crowd()

    def cancel(self) -> None:
        """Let the server give the statement up, and wait until it has."""
        self._monitor.execute("SELECT pg_cancel_backend(%s)", [self.number])
        while not self._has_come():
            pass

    def give_up(self) -> None:
        """Give up the statement that waits, if one does."""
        if self._pg.transaction_status == TransactionStatus.ACTIVE:
            self.cancel()
            self._drained()

    def cut(self) -> None:
        """Do to this session what a restart of the server does: whatever is not committed is lost, and nobody answers any more."""
        self.roll_back()
        self.is_cut = True

    def roll_back(self) -> None:
        """Leave the server as it is when the client is gone."""
        self._end(b"ROLLBACK")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _end(self, words: bytes) -> None:
        if self._pg.transaction_status != TransactionStatus.IDLE:
            self._pg.exec_(words)
        self._is_to_begin = False

    def _has_come(self) -> bool:
        self._poller.poll(PATIENCE)
        self._pg.consume_input()
        return not self._pg.is_busy()

    def _drained(self) -> PGresult:
        """Take in what has come; the last result is the statement's, and behind a BEGIN a mark follows."""
        self.holders = frozenset()
        is_piped, last = bool(self._pg.pipeline_status), None
        while (result := self._pg.get_result()) is not None or is_piped:
            if result is not None and result.status == SYNCED:
                self._pg.exit_pipeline_mode()
                break
            last = result or last
        assert last is not None
        return last

    def _waits(self) -> bool:
        """Ask whether the server process waits for a lock; note for which one, and who must let go of it before."""
        holders, self.lock = self._monitor.execute(WAIT, [self.number]).fetchone() or ([], None)
        self.holders = frozenset(holders)
        return bool(holders)

    def _has_left_the_crowd(self) -> bool:
        """Give the statement up if others wait for the same session, or the same row. Who of them were next would be a race in the server.

        Locks by number are an exception: the server hands those on in the order in which they were asked for. Whoever waits behind the
        first one for a row waits for a session that waits itself, and would run for the row's next version against it.
        """
        crowd = [other for other in self._peers if other is not self and other.holders & self.holders]
        is_crowded = self.lock == "tuple" or any(self.lock is None or other.lock != self.lock for other in crowd)
        if is_crowded:
            self.cancel()
        return is_crowded


@cache
def _positional(text: str) -> tuple[bytes, tuple[str, ...]]:
    """Return a query as the server reads it, and the names of its parameters in the order of their numbers."""
    names: dict[str, int] = {}

    def numbered(found: re.Match[str]) -> str:
        return f"${names.setdefault(found[1], len(names) + 1)}" if found[1] else "%"

    return re.sub(r"%\((\w+)\)s|%%", numbered, text).encode(), tuple(names)


def _checked(result: PGresult) -> None:
    if result.status == FAILED:
        state = (result.error_field(DiagnosticField.SQLSTATE) or b"").decode()
        message = (result.error_field(DiagnosticField.MESSAGE_PRIMARY) or b"").decode()
        raise psycopg.errors.lookup(state)(message)
