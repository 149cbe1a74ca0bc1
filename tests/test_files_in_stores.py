"""Files that people bring in an object store: read as those on a disk, refused whole, and taken in exactly once."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from drafts import HEAD, campaign, make_project
from object_stores import Store, names
from outcamp.cli.main import main
from outcamp.core.errors import DataError, LedgerUnavailable, SourceUnavailable
from outcamp.core.manifest import seal_manifest
from outcamp.core.places import Place
from outcamp.dag.dispositions import take_in_files
from outcamp.dag.settings import read_settings
from outcamp.segments import files, outcome_files, pushed_files, written_rows
from outcamp.segments.source import PublishedSegment
from outcamp.steps import outcome_files as steps_of_files
from outcamp.steps import outcome_folder
from outcamp.steps.outcome_files import TakenIn, take_in_file
from outcamp.steps.outcome_folder import Emptied, take_in_folder
from outcamp.steps.received_outcomes import keep
from outcamp.store.ledger import Ledger
from outcamp.store.object_paths import ObjectPath
from outcamp.store.whole_files import write_whole
from outcome_world import LATER, dispositions, event, forget_outcomes, kept_aside, killed, sent_world
from small_world import ADA, BEN, NOW, World

PEOPLE = pa.table({"recipient_id": [f"p{number}" for number in range(100_000)], "phone": [ADA] * 100_000})
STRIDE = 167  # it dies at some of the calls, because each costs two pulses over HTTP


@pytest.fixture
def world(database_uri: str, tmp_path: Path) -> Iterator[World]:
    """Two people to whom a message went, and nothing came back yet."""
    with ExitStack() as stack:
        yield sent_world(stack, database_uri, tmp_path / "lake")


@pytest.fixture
def command(world: World, s3: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectPath:
    """The command in a project, with a connection ``minio`` to a bucket, which is returned."""
    # The command reads the database's clock, which is not the campaign's: the messages went when it says.
    shift = "submitted_at = clock_timestamp() - interval '1 hour', deadline_at = clock_timestamp() + interval '71 hours'"
    world.change(f"UPDATE outcamp.attempts SET {shift}")
    published = tmp_path / "dags" / "published"
    published.mkdir(parents=True)
    (published / "spring.json").write_text(world.engine.manifest.to_json(), encoding="utf-8")
    for name, value in (("HOME", str(tmp_path)), ("LEDGER", world.uri), ("STORE", str(tmp_path / "lake"))):
        monkeypatch.setenv(f"OUTCAMP_{name}", value)
    monkeypatch.setenv("AIRFLOW_CONN_MINIO", s3.connection)
    return s3.bucket()


def lines(events: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in events).encode()


def as_parquet(table: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue()


def as_csv(table: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    pacsv.write_csv(table, sink)
    return sink.getvalue()


def pulse(world: World, folder: Place) -> Emptied:
    return take_in_folder(world.engine.ledger, {"spring": world.engine.manifest}.get, folder, lambda: LATER)


# A segment.


@pytest.mark.parametrize("name", ["people.csv", "people.parquet"])
def test_a_segment_is_streamed_from_a_store(store: Store, name: str) -> None:
    """CSV and Parquet, in batches, with every row and under its names."""
    bucket = store.bucket()
    write_whole(bucket / "lists" / name, as_csv(PEOPLE) if name.endswith("csv") else as_parquet(PEOPLE))
    settings = campaign(head=HEAD.replace("people.csv", f"{bucket}/lists/{name}"))
    segment = PublishedSegment(seal_manifest(settings, NOW, {}, {}), lambda text: bucket / text.removeprefix(f"{bucket}/"), lambda _: None)
    tables = list(segment.read(0))
    assert len(tables) > 1
    assert pa.concat_tables(tables).combine_chunks().equals(PEOPLE)


@pytest.mark.parametrize("name", ["people.csv", "people.parquet", "people.jsonl"])
def test_a_file_that_was_cut_short_is_refused_by_its_address(s3: Store, name: str) -> None:
    """The message names the object, and nothing was read from it."""
    data = {"people.csv": b'recipient_id,phone\nada,"+1', "people.parquet": as_parquet(PEOPLE)[:5_000], "people.jsonl": b'{"a": '}[name]
    place = s3.bucket() / name
    write_whole(place, data)
    with pytest.raises(DataError) as raised:
        list(written_rows.stream(place, ["recipient_id"]))
    assert str(raised.value).startswith(f"{place}: ")
    with pytest.raises(DataError) as raised:
        list(files.stream(place.with_name("missing.csv")))
    assert f"{place.with_name('missing.csv')}: there is no such file\n  Next: check the path" == str(raised.value)


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_a_file_that_is_written_anew_while_it_is_read_is_read_again_later(kind: str, s3: Store, tmp_path: Path) -> None:
    """What was read may be of two files, so the step that read it fails, and is tried again."""
    place: Place = tmp_path / "people.csv" if kind == "folder" else s3.bucket() / "people.csv"
    write_whole(place, b"recipient_id\nada\n")

    def read() -> None:
        with files.unchanged(place):
            list(files.stream(place))
            write_whole(place, b"recipient_id\nada\nben\n")

    with pytest.raises(SourceUnavailable) as raised:
        read()
    assert (
        f"{place}: the file was written anew while it was read\n"
        "  Next: leave a file alone once it bears its name, or write the new one under another name; then try again"
    ) == str(raised.value)


def test_two_halves_of_two_files_are_no_damage(tmp_path: Path) -> None:
    """A file that looks cut short because it was written anew in the middle is to be read again, not refused for good."""
    place = tmp_path / "people.csv"
    place.write_bytes(b"recipient_id\nada\n")

    def read() -> None:
        with files.unchanged(place):
            place.write_bytes(b'recipient_id\n"ad')
            list(files.stream(place))

    with pytest.raises(SourceUnavailable):
        read()


@pytest.mark.parametrize("split", [1, 2, 3, 4, 5, 6, 7, 8])
def test_null_is_found_across_two_readings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, split: int) -> None:
    """Wherever one reading ends and the next begins, null in the place of an object is seen at its byte, and null within one is none."""
    monkeypatch.setattr(written_rows, "_BLOCK", split)
    path = tmp_path / "o.jsonl"
    path.write_bytes(b'{"a":1}\n \tnull\n')
    with pytest.raises(DataError, match="null at byte 8"):
        list(written_rows.stream(path, ["a"]))
    path.write_bytes(b'{"a":null}\n')
    monkeypatch.setattr(written_rows, "_BLOCK", 16 + split)
    assert [{"a": None}] == next(written_rows.stream(path, ["a"])).to_pylist()


# The command line.


def test_outcomes_are_ingested_from_an_address(command: ObjectPath, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Over the connection before the @; the same content again, from wherever, changes nothing."""
    ((at,),) = world.rows("SELECT clock_timestamp() - interval '10 minutes'")
    for name in ("a.jsonl", "again.jsonl"):
        write_whole(command / "outcomes" / name, lines([event("ada", "delivered", at), event("ben", "unreachable", at)]))
    address = f"s3://minio@{command.key}/outcomes"
    assert [0, 0] == [main(["ingest", f"{address}/{name}"]) for name in ("a.jsonl", "again.jsonl")]
    assert [
        f"{address}/a.jsonl: 2 taken in, 0 known before; 1 reattempts and 1 exits follow",
        f"{address}/again.jsonl: 0 taken in, 2 known before; 0 reattempts and 0 exits follow",
    ] == capsys.readouterr().out.splitlines()


def test_a_list_is_suppressed_from_an_address(command: ObjectPath, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Read twice there, as a file is, and known when it comes again."""
    write_whole(command / "list.csv", f"endpoint\n{ADA}\n{BEN}\n".encode())
    assert [0, 0] == [main(["suppress", "import", f"s3://minio@{command.key}/list.csv"]) for _ in range(2)]
    said = [f"s3://minio@{command.key}/list.csv: rows 2, new on the list {new}, on it already {2 - new}, left out 0" for new in (2, 0)]
    assert said == capsys.readouterr().out.splitlines()
    assert [(2,)] == world.rows("SELECT count(*) FROM outcamp.suppressions")


def test_a_draft_whose_list_lies_in_a_store_is_validated(
    s3: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its columns are asked of the store; a key that is not there, and a connection that nobody knows, are findings."""
    bucket = s3.bucket()
    write_whole(bucket / "people.csv", b"recipient_id,tel\nada,1\n")
    monkeypatch.setenv("AIRFLOW_CONN_MINIO", s3.connection)
    monkeypatch.setenv("OUTCAMP_HOME", str(tmp_path))
    said = []
    draft = make_project(tmp_path)
    for name in ("minio@{}/people.csv", "minio@{}/nobody.csv", "other@{}/people.csv"):
        draft.write_text(HEAD.replace("people.csv", f"s3://{name.format(bucket.key)}"), encoding="utf-8")
        assert 1 == main(["validate", str(draft)])
        said.append(capsys.readouterr().out)
    assert "The campaign uses sms, and the segment has no column phone." in said[0]
    assert f"segment.file: s3://{bucket.key}/nobody.csv: there is no such file" in said[1]
    assert "segment.file: The connection 'other' is not in the environment" in said[2]


def test_the_content_of_an_object_names_a_push(s3: Store) -> None:
    """The same rows at another key are the same push."""
    bucket = s3.bucket()
    for name in ("a.csv", "b.csv"):
        write_whole(bucket / name, f"recipient_id,phone\nada,{ADA}\n".encode())
    first, second = (pushed_files.read(bucket / name) for name in ("a.csv", "b.csv"))
    assert first.content == second.content
    assert [{"recipient_id": "ada", "phone": ADA, "expires_at": None}] == first.table.to_pylist()


# The folder of outcomes.


def test_the_folder_is_emptied_object_by_object(world: World, store: Store) -> None:
    """Complete files are put away, refused ones with the reason beside them; hidden ones and those of another ending stay."""
    folder = store.bucket() / "outcomes"
    write_whole(folder / "good.jsonl", lines([event("ada")]))
    write_whole(folder / "bad.csv", b"reference,disposed_at\n")
    write_whole(folder / ".half.jsonl", lines([event("ben")]))
    write_whole(folder / "half.jsonl.part", lines([event("ben")]))
    assert Emptied({"good.jsonl": TakenIn(taken=1, exits=1)}, ["bad.csv"]) == pulse(world, folder)
    assert [".half.jsonl", "half.jsonl.part", "refused/bad.csv", "refused/bad.csv.reason.txt", "taken/good.jsonl"] == names(folder)
    assert b"the column disposition is missing" in (folder / "refused" / "bad.csv.reason.txt").read_bytes()
    assert Emptied() == pulse(world, folder)


def test_the_same_content_under_another_name_changes_nothing(world: World, store: Store) -> None:
    """An outcome counts once, however often its file comes."""
    folder = store.bucket() / "outcomes"
    write_whole(folder / "1.jsonl", lines([event("ada"), event("ben", "unreachable")]))
    pulse(world, folder)
    before = world.books("attempts", "entries", "events_not_matched")
    write_whole(folder / "1.jsonl", lines([event("ada"), event("ben", "unreachable")]))
    assert {"1.jsonl": TakenIn(known=2)} == pulse(world, folder).taken
    assert before == world.books("attempts", "entries", "events_not_matched")
    assert ["taken/1-2.jsonl", "taken/1.jsonl"] == names(folder)


def test_a_store_that_refuses_is_told_and_keeps_no_transport_waiting(world: World, s3: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pulse goes on without the files, and has what to say in the end; where it is the ledger that is away, it does not go on."""
    monkeypatch.setenv("AIRFLOW_CONN_MINIO", s3.connection)
    settings = read_settings({"OUTCAMP_OUTCOMES": "s3://minio@nowhere/outcomes"})
    files, failed = take_in_files(settings, world.engine.ledger)
    assert ({}, ["s3://nowhere/outcomes/received: there is no such bucket"]) == (files, [line.splitlines()[0] for line in failed])
    bucket = s3.bucket()
    write_whole(bucket / "outcomes" / "1.jsonl", lines([event("ada")]))
    settings = read_settings({"OUTCAMP_OUTCOMES": f"s3://minio@{bucket.key}/outcomes"})
    away = Ledger.at("postgresql://127.0.0.1:1/nowhere")
    with pytest.raises(LedgerUnavailable):
        take_in_files(settings, away)


def test_a_file_on_which_something_breaks_is_told_with_its_reason(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pulse is red until it is taken in, and says which file and why."""
    write_whole(tmp_path / "outcomes" / "1.jsonl", lines([event("ada")]))

    def broken(*_: object) -> TakenIn:
        raise OverflowError("date value out of range")

    monkeypatch.setattr(outcome_folder, "take_in_file", broken)
    told = take_in_files(read_settings({"OUTCAMP_OUTCOMES": str(tmp_path / "outcomes")}), world.engine.ledger)
    path = tmp_path / "outcomes" / "taking" / "1.jsonl"
    assert ({}, [f"{path} could not be taken in, and is tried again: OverflowError"]) == told


def test_a_kill_at_any_call_changes_nothing_in_the_end(world: World, s3: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A move is a copy and a deletion here; wherever the first pulse dies, the second ends as one alone would have, and no file is lost."""
    monkeypatch.setattr(steps_of_files, "CHUNK_ROWS", 2)
    folder, number = s3.bucket() / "outcomes", 1
    events = lines([event("ada"), event("zoe", "opted_out"), event("ben", "unreachable"), event("ben", "unreachable")])
    as_it_ends = [("ada", 1, "delivered", True), ("ben", 1, "unreachable", False), ("ben", 2, None, False)]
    write_whole(folder / "1.jsonl", events)
    while killed(number, lambda: pulse(world, folder)):
        pulse(world, folder)
        suppressed = len(world.rows("SELECT FROM outcamp.suppressions"))
        assert (number, as_it_ends, 1, 1) == (number, dispositions(world), len(kept_aside(world)), suppressed)
        left = names(folder)
        assert f"taken/{number}.jsonl" in left
        assert [] == [name for name in left if not name.startswith("taken/") and not name.endswith(".writing")]
        forget_outcomes(world)
        number += STRIDE
        write_whole(folder / f"{number}.jsonl", events)
    assert number > 1000


def test_two_pulses_at_once_take_everything_in(world: World, s3: Store) -> None:
    """Whichever is faster, each outcome has one thing follow, no file is lost, and none is refused because the other one moved it."""
    folder = s3.bucket() / "outcomes"
    for number in range(8):
        write_whole(folder / f"{number}.jsonl", lines([event("ada"), event("ben", "unreachable")]))
    barrier, failed = threading.Barrier(2), []

    def beat() -> None:
        ledger = Ledger.at(world.uri)
        try:
            barrier.wait()
            take_in_folder(ledger, {"spring": world.engine.manifest}.get, folder, lambda: LATER)
        except BaseException as error:  # noqa: BLE001 - shown by the test
            failed.append(error)
        finally:
            ledger.close()

    pulses = [threading.Thread(target=beat) for _ in range(2)]
    for one in pulses:
        one.start()
    for one in pulses:
        one.join()
    assert [] == failed
    assert [("ada", 1, "delivered", True), ("ben", 1, "unreachable", False), ("ben", 2, None, False)] == dispositions(world)
    pulse(world, folder)  # what one has copied while the other one took it in
    left = names(folder)
    assert {"taken"} == {name.split("/")[0] for name in left}
    assert set(range(8)) == {int(name.removeprefix("taken/")[0]) for name in left}


def test_what_is_received_over_http_is_kept_in_a_store(world: World, store: Store) -> None:
    """Each is an object of its own before its sender is told so; a pulse joins them and takes them in."""
    folder = store.bucket() / "outcomes"
    for row in (event("ada"), event("ben", "unreachable"), event("ada")):
        keep(folder, [row])
    assert 2 == len(names(folder))
    (found,) = pulse(world, folder).taken.values()
    assert (2, 1, 1) == (found.taken, found.reattempts, found.exits)
    assert ["taken"] == [name.split("/")[0] for name in names(folder)]


def test_providers_records_are_read_in_a_store(world: World, store: Store) -> None:
    """Where a record does not say when it happened, the object's own time is taken."""
    place = store.bucket() / "calls.records.jsonl"
    write_whole(place, lines([{"notificationType": "Delivery", "mail": {"messageId": "x"}, "delivery": {"timestamp": NOW.isoformat()}}]))
    outcome_files.check(place)
    assert place.stat().st_mtime_ns > datetime(2020, 1, 1, tzinfo=UTC).timestamp() * 1e9
    taken = take_in_file(world.engine.ledger, lambda _: None, place, lambda: LATER)
    assert 0 == taken.taken
