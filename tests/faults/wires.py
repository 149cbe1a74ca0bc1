"""The connections of a database that seed after seed uses, and what the harness adds to it."""

from __future__ import annotations

from typing import Any

import psycopg

from faults.scheduler import Scheduler
from faults.wire import Wire
from outcamp.store.sql import queries

SWEEP = 200  # seeds until what was deleted is swept out

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
# Every occurrence is looked at for old attempts from its beginning, and again at every beat: what may not move must keep itself.
# And clocks that stand still: what a query does must not depend on how long anything took.
FURNISH = """
CREATE SCHEMA faults;
CREATE TABLE faults.diary (
    page bigint GENERATED ALWAYS AS IDENTITY, occurrence_id bigint, recipient_id text, attempt int,
    was text, is_now text, waits_for text, disposition text, wave_id bigint, batch int, token int);
CREATE FUNCTION faults.write() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO faults.diary (occurrence_id, recipient_id, attempt, was, is_now, waits_for, disposition, wave_id, batch, token)
    VALUES (NEW.occurrence_id, NEW.recipient_id, NEW.attempt, CASE TG_OP WHEN 'UPDATE' THEN OLD.state END, NEW.state, NEW.waits_for,
            NEW.disposition, NEW.wave_id, NEW.batch, NEW.token);
    RETURN NULL;
END $$;
CREATE TRIGGER diary AFTER INSERT OR UPDATE ON outcamp.attempts FOR EACH ROW EXECUTE FUNCTION faults.write();
CREATE FUNCTION faults.look_at_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO outcamp.retention VALUES (NEW.occurrence_id, '-infinity', 0, NULL, '-infinity');
    RETURN NULL;
END $$;
CREATE TRIGGER look_at_once AFTER INSERT ON outcamp.occurrences FOR EACH ROW EXECUTE FUNCTION faults.look_at_once();
CREATE FUNCTION faults.look_again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    NEW.look_at = '-infinity';
    RETURN NEW;
END $$;
CREATE TRIGGER look_again BEFORE UPDATE ON outcamp.retention FOR EACH ROW EXECUTE FUNCTION faults.look_again();
CREATE FUNCTION faults.clock_timestamp() RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$ SELECT '2026-03-02 14:00+00'::timestamptz $$;
CREATE FUNCTION faults.statement_timestamp() RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$ SELECT '2026-03-02 14:00+00'::timestamptz $$;
"""


class Wires:
    """Open connections, lent to one step after the other: a step that ends or crashes leaves a rolled back one behind."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.monitor: psycopg.Connection[Any] = psycopg.connect(uri, autocommit=True)
        self.monitor.execute(FURNISH.encode())
        self._free: list[Wire] = []
        self._lent: list[Wire] = []
        self._names: dict[str, str] = {}
        self._emptied = 0

    def name_of(self, text: str) -> str:
        """Return the name of a query; one that is new here may have been planted."""
        if text not in self._names:
            self._names = {words: name for name, words in queries().items()}
        return self._names[text]

    def take(self, scheduler: Scheduler) -> Wire:
        """Lend a connection."""
        wire = self._free.pop() if self._free else Wire(self.uri, self.monitor, self._lent)
        wire.scheduler = scheduler
        self._lent.append(wire)
        return wire

    def give(self, wire: Wire) -> None:
        """Take a connection back."""
        wire.roll_back()
        wire.scheduler, wire.is_cut = None, False
        self._lent.remove(wire)
        self._free.append(wire)

    def restart(self) -> None:
        """Let every session end at once, as a restart of the server does; nobody gets a lock that another one loses."""
        for wire in self._lent:
            wire.give_up()
        for wire in self._lent:
            wire.cut()

    def empty(self) -> None:
        """Empty every table of the ledger."""
        self._emptied += 1
        if self._emptied % SWEEP == 0:
            self.monitor.execute("VACUUM")
        self.monitor.execute(EMPTY.encode())

    def close(self) -> None:
        """Close all."""
        for wire in (*self._free, *self._lent):
            wire.close()
        self.monitor.close()
