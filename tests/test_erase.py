"""Erasing a person: no file and no row holds them any more, every sum is as before, and nobody contacts them again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drafts import make_project
from outcamp.cli.main import main
from outcamp.core.errors import Transient
from outcamp.core.run_key import run_key
from outcamp.steps.audit import Breach, audit
from outcamp.steps.erase import Erased, erase
from outcamp.steps.feed_back import feed_back
from outcamp.steps.ingest import ingest
from outcamp.steps.publish import write_manifest
from outcamp.steps.report import write_report
from outcamp.steps.send import Sent, send
from outcamp.store.lake import FileRef, Lake
from small_world import ADA, BEN, NOW, RUN, World, make_world

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
MORE = "endpoints: [work, phone]\nreattempts: [{when: [blocked], channel: sms, wait: 10 minutes}]\n"
DAILY = "schedule: {start: 2026-12-01 15:00, time_zone: UTC, repeat: daily}\n"
BLOCKED = [{"recipient_id": "ada-4711", "attempt": 1, "channel": "sms", "disposition": "blocked", "after": 60}]
WORK = "+13035550143"
PEOPLE = [
    {"recipient_id": "ada-4711", "phone": ADA, "work": "12", "email": "ada4711@example.com", "first_name": "Adaline", "age": 36},
    {"recipient_id": "ada-4711", "phone": ADA, "work": WORK, "email": None, "first_name": "Adaline", "age": 36},
    {"recipient_id": "ben", "phone": BEN, "work": None, "email": None, "first_name": "Ben", "age": 40},
]
TRACES = ("ada-4711", ADA[2:], "303555", "ada4711", "Adaline")


@pytest.fixture
def ran(database_uri: str, tmp_path: Path) -> Iterator[World]:
    """A campaign after its first wave: Ada waits for a reattempt, Ben's entry is over."""
    with ExitStack() as stack:
        here = make_world(stack, database_uri, tmp_path, MORE + DAILY, people=PEOPLE, outcomes=BLOCKED)
        for batch in here.batches():
            send(here.engine, RUN, batch.batch, lambda: NOW)
        write_report(here.engine, RUN, feed_back(here.engine, RUN, NOW + 5 * MINUTE))
        here.change("INSERT INTO outcamp.deferred SELECT campaign_id, 'ada-4711', occurrence_id, 0, 0 FROM outcamp.occurrences")
        for number, event in enumerate(({"recipient_id": "ada-4711"}, {"reference": "spring/0/ada-4711/1"}, {"recipient_id": "ben"})):
            values = (NOW, json.dumps(event), str(number))
            here.change(
                "INSERT INTO outcamp.events_not_matched (received_at, reason, event, fingerprint) VALUES (%s, 'x', %s, %s::bytea)", *values
            )
        yield here


def erased(world: World, lake: Lake | None = None) -> Erased:
    engine = world.engine
    return erase(engine.ledger, lake or engine.lake, "ada-4711", NOW + 6 * MINUTE, {"spring": engine.manifest})


def breaches(world: World) -> tuple[Breach, ...]:
    engine = world.engine
    return audit(engine.ledger, engine.lake, {"spring": engine.manifest}, NOW + DAY).breaches


def traces(world: World) -> list[str]:
    """Where anything of Ada stands: in the bytes and rows of all files, hidden ones too, and in all tables."""
    found = []
    for path in sorted(path for path in world.engine.lake.root.rglob("*") if path.is_file()):
        text = str(pq.ParquetFile(path).read().to_pylist()) if path.suffix in {".parquet", ".pending"} else path.read_text("utf-8")
        found += [path.parts[-4] if path.suffix != ".json" else path.name for trace in TRACES if trace in text]
    with psycopg.connect(world.uri) as connection:
        tables = connection.execute(
            "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname IN ('outcamp', 'outcamp_simulator') ORDER BY 1"
        ).fetchall()
        for (table,) in tables:
            rows = str(connection.execute(f"SELECT t::text FROM {table} AS t").fetchall())
            found += [table for trace in TRACES if trace in rows]
    return sorted(set(found))


def sums(world: World) -> list[tuple[object, ...]]:
    """What must not change: rows and funnels of parts and batches, numbers of entries and attempts."""
    counts = "SELECT (SELECT count(*) FROM outcamp.entries), (SELECT count(*) FROM outcamp.attempts)"
    parts = "SELECT wave_id, step, part, rows, funnel::text FROM outcamp.parts ORDER BY 1, 2, 3"
    return [*world.rows(counts), *world.rows(parts), *world.rows("SELECT batch, rows, row_group FROM outcamp.batches ORDER BY 1")]


def test_nothing_of_the_person_is_left(ran: World) -> None:
    """Not in any file or table; the sums are as before, the audit finds nothing, and others are as they were."""
    expected = [
        "batches",
        "dispositions",
        "entries",
        "outcamp.attempts",
        "outcamp.deferred",
        "outcamp.entries",
        "outcamp.events_not_matched",
    ]
    assert [*expected, "results", "snapshots", "verdicts"] == traces(ran)
    before, ben = sums(ran), ran.rows("SELECT * FROM outcamp.attempts WHERE recipient_id = 'ben'")
    assert Erased(campaigns=1, files=6, attempts=2, endpoints=3) == erased(ran)
    assert [] == traces(ran)
    assert before == sums(ran)
    assert () == breaches(ran)
    assert ben == ran.rows("SELECT * FROM outcamp.attempts WHERE recipient_id = 'ben'")
    assert [("closed", "closed")] == ran.rows("SELECT min(state::text), max(state::text) FROM outcamp.attempts")
    assert ["erased", "finished"] == sorted(reason for _, reason in ran.exits())
    assert [({"recipient_id": "ben"},)] == ran.rows("SELECT event FROM outcamp.events_not_matched")
    assert Erased(campaigns=0, files=0, attempts=0, endpoints=0) == erased(ran)


def test_nobody_contacts_them_again(ran: World) -> None:
    """Neither by the id nor by any of the numbers that they had, under another id."""
    erased(ran)
    again = [PEOPLE[0], *({"recipient_id": f"new{n}", "phone": phone} for n, phone in enumerate((ADA, WORK)))]
    ran.people.tables = [pa.Table.from_pylist(again)]
    (part,) = ran.filtered(NOW + DAY)
    assert (("drop", "suppressed", 3),) == part.funnel
    assert [("erased", 4)] == ran.rows("SELECT reason, count(*) FROM outcamp.suppressions GROUP BY 1")


def test_the_campaign_goes_on(ran: World) -> None:
    """A cleared send, a due wave and outcomes that come late find the same rows, and send nothing."""
    erased(ran)
    given = len(ran.outbox.given)
    assert Sent(0, 0) == send(ran.engine, RUN, 0, lambda: NOW + 7 * MINUTE)
    assert [] == ran.due(NOW + 11 * MINUTE)
    ingest(ran.engine, NOW + 2 * DAY)
    write_report(ran.engine, RUN, feed_back(ran.engine, RUN, NOW + 2 * DAY))
    assert given == len(ran.outbox.given)
    assert [] == traces(ran)
    assert () == breaches(ran)


def test_a_wave_that_has_them_in_hand_is_waited_for(ran: World) -> None:
    """Nothing of theirs is changed but the list, so the wave drops them; then they can be erased."""
    at = NOW + 11 * MINUTE
    (batch,) = ran.due(at)
    before = ran.books("attempts", "entries", "parts")
    with pytest.raises(Transient) as raised:
        erased(ran)
    assert (
        f"The campaign 'spring': wave {run_key(at, 1)} has this recipient in hand. They are on the do-not-contact list already.\n"
        "  Next: Erase them again when the wave has ended."
    ) == str(raised.value)
    assert before == ran.books("attempts", "entries", "parts")
    assert Sent(0, 1) == send(ran.engine, run_key(at, 1), batch.batch, lambda: at)
    assert 2 == erased(ran).attempts
    assert [] == traces(ran)
    assert () == breaches(ran)


class Crash(BaseException):
    """A process dies here."""


class DyingLake(Lake):
    """A lake whose process dies at the n-th file that is written beside, or gets its place."""

    def __init__(self, root: Path, left: int) -> None:
        super().__init__(root, durable=False)
        self.left = left

    def _step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Crash

    def prepare(self, *arguments: object, **options: object) -> FileRef:
        self._step()
        return super().prepare(*arguments, **options)

    def publish(self, ref: FileRef) -> None:
        self._step()
        super().publish(ref)

    def replace(self, *arguments: object) -> None:
        self._step()
        super().replace(*arguments)


def test_a_crash_anywhere_is_finished_by_the_next_call(ran: World) -> None:
    """Killed before any write or rename, once at each, the second call leaves nothing behind."""
    before = sums(ran)
    died = 0
    while True:
        try:
            erased(ran, DyingLake(ran.engine.lake.root, died))
            break
        except Crash:
            died += 1
    assert died > 6
    assert [("erased", 4)] == ran.rows("SELECT reason, count(*) FROM outcamp.suppressions GROUP BY 1")
    assert [] == traces(ran)
    assert before == sums(ran)
    assert () == breaches(ran)


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_id_is_wrong_use(empty: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is an unset variable of a script, and nobody's id."""
    assert 2 == main(["erase", empty, "--yes"])
    assert "The recipient_id is empty.\n  Next: Write the id as the segment has it.\n" == capsys.readouterr().err


def test_the_verb_says_what_was_done(
    ran: World, database_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It asks nobody who is no terminal, and names the next step."""
    home = tmp_path / "home"
    make_project(home)
    for name, value in (("OUTCAMP_HOME", str(home)), ("OUTCAMP_LEDGER", database_uri), ("OUTCAMP_STORE", str(tmp_path))):
        monkeypatch.setenv(name, value)
    write_manifest(ran.engine.manifest, home / "dags/published/spring.json", "spring.json")
    assert 0 == main(["erase", "ada-4711", "--yes"])
    assert (
        "Erased ada-4711: campaigns 1, files 6, attempts 2.\n"
        "  They stay on the do-not-contact list as hashes: their id, and endpoints 3.\n"
        "  Next: remove their row where your segments come from.\n"
    ) == capsys.readouterr().out
    assert 0 == main(["erase", "ada-4711", "--yes", "--json"])
    assert {"campaigns": 0, "files": 0, "attempts": 0, "endpoints": 0} == json.loads(capsys.readouterr().out)
