"""Attempts whose submission is unknown: they are listed, and what people find out corrects the books and sends nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from outcamp.cli.main import main
from outcamp.core.errors import DataError, UsageError
from outcamp.core.run_key import run_key
from outcamp.segments import finding_files
from outcamp.steps.outcome_files import take_in_file
from outcamp.steps.resolve import Doubt, doubts, findings_of, resolve
from outcamp.steps.send import send
from small_world import NOW, World, make_world


@pytest.fixture
def world(database_uri: str, tmp_path: Path) -> Iterator[World]:
    """Two people whose messages may have gone when a try died."""
    with ExitStack() as stack:
        world = make_world(stack, database_uri, tmp_path / "lake")
        (batch,) = world.batches()
        send(world.engine, run_key(NOW), batch.batch, lambda: NOW)
        world.change("UPDATE outcamp.attempts SET disposition = 'unknown'")
        yield world


def books(world: World) -> list[tuple[object, ...]]:
    return world.rows("SELECT recipient_id, attempt, disposition, counted_at IS NOT NULL FROM outcamp.attempts ORDER BY 1, 2")


def test_what_is_in_doubt_is_listed(world: World) -> None:
    """Each attempt with the instant of its submission."""
    expected = [Doubt(0, name, 1, "sms", NOW) for name in ("ada", "ben")]
    assert expected == doubts(world.engine.ledger, "spring")
    assert [] == doubts(world.engine.ledger, "summer")


def test_a_truth_corrects_the_books_and_sends_nothing(world: World) -> None:
    """Who was never reached stops counting; nobody gets another attempt by it."""
    given = len(world.outbox.given)
    assert 1 == resolve(world.engine.ledger, "spring", findings_of(["ben", "ben"], "failed"), NOW)
    assert [("ada", 1, "unknown", True), ("ben", 1, "failed", False)] == books(world)
    assert ["ada"] == [doubt.recipient_id for doubt in doubts(world.engine.ledger, "spring")]
    assert given == len(world.outbox.given)


@pytest.mark.parametrize("at", [NOW - timedelta(minutes=4), NOW, NOW + timedelta(seconds=1)])
def test_what_the_channel_still_reports_replaces_what_people_said(world: World, tmp_path: Path, at: datetime) -> None:
    """A person's word is dated at the submission, and any report is later, whatever the provider's clock says."""
    resolve(world.engine.ledger, "spring", findings_of(["ben"], "failed"), NOW)
    path = tmp_path / "o.csv"
    path.write_text(f"reference,disposition,disposed_at\nspring/0/1/ben,delivered,{at.isoformat()}\n", encoding="utf-8")
    assert 1 == take_in_file(world.engine.ledger, {"spring": world.engine.manifest}.get, path, lambda: NOW + timedelta(seconds=1)).taken
    assert ("ben", 1, "delivered", True) == books(world)[1]


@pytest.mark.parametrize(
    ("recipients", "disposition", "message"),
    [
        (["bon"], "failed", "spring has no such attempt in doubt for 'bon'.\n  Next: Did you mean 'ben'?"),
        (["ben", "zoe"], "failed", "spring has no such attempt in doubt for 'zoe'.\n  Next: outcamp resolve spring lists them."),
        (list("stuvwxyz"), "failed", "spring has no such attempt in doubt for 's', 't', 'u', 'v', 'w' and 3 more."),
        (["ben"], "fax", "sms reports no disposition 'fax'.\n  Next: The dispositions of sms: delivered, blocked,"),
        (["ben"], "faild", "sms reports no disposition 'faild'.\n  Next: Did you mean 'failed'?"),
        (["ben"], "unknown", "sms reports no disposition 'unknown'."),
        (["ben"], "no_outcome", "sms reports no disposition 'no_outcome'."),
    ],
)
def test_what_is_wrong_is_refused_whole(world: World, recipients: list[str], disposition: str, message: str) -> None:
    """Nobody of the list is changed."""
    before = books(world)
    with pytest.raises(UsageError) as refusal:
        resolve(world.engine.ledger, "spring", findings_of(recipients, disposition), NOW)
    assert str(refusal.value).startswith(message)
    assert before == books(world)


def findings(folder: Path, text: str, name: str = "found.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("found.csv", "recipient_id,attempt,disposition,note\nada,1,delivered,a call\nben,,failed,\nben,1,failed,\n"),
        (
            "found.jsonl",
            '{"recipient_id": "ada", "disposition": "delivered", "occurrence": 0}\n'
            '{"recipient_id": "ben", "attempt": 1, "disposition": "failed"}\n',
        ),
    ],
)
def test_a_file_settles_each_attempt_by_its_own_word(world: World, tmp_path: Path, name: str, text: str) -> None:
    """An attempt or an occurrence that is left out means all in doubt; the same word twice is one."""
    assert 2 == resolve(world.engine.ledger, "spring", finding_files.read(findings(tmp_path, text, name)), NOW)
    assert [("ada", 1, "delivered", True), ("ben", 1, "failed", False)] == books(world)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("ada,1,delivered,\nada,2,failed,\n", "spring has no such attempt in doubt for 'ada'.\n  Next: outcamp resolve spring lists them."),
        ("ada,1,delivered,\nben,1,failed,3\n", "spring has no such attempt in doubt for 'ben'."),
        ("ada,1,delivered,\nada,,failed,\n", "Two things are said of attempt 1 of 'ada'.\n  Next: Leave in what is true."),
    ],
)
def test_a_file_that_does_not_fit_the_books_is_refused_whole(world: World, tmp_path: Path, rows: str, message: str) -> None:
    """An attempt or occurrence that is not in doubt, and contradictions, change nobody."""
    before = books(world)
    found = finding_files.read(findings(tmp_path, f"recipient_id,attempt,disposition,occurrence\n{rows}"))
    with pytest.raises(UsageError) as refusal:
        resolve(world.engine.ledger, "spring", found, NOW)
    assert str(refusal.value).startswith(message)
    assert before == books(world)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "found.csv",
            "recipient_id,attempt\nada,1\n",
            "the column disposition is missing\n  Next: write the columns",
        ),
        ("found.csv", "recipient_id,disposition\nada,failed\n,failed\n", "row 2: recipient_id is missing"),
        ("found.csv", "recipient_id,attempt,disposition\nada,one,failed\n", "row 1: attempt is 'one', which is no whole number"),
        (
            "found.jsonl",
            '{"recipient_id": "ada"}\n',
            "row 1: disposition is missing\n  Next: correct the row; nothing was taken",
        ),
        ("found.txt", "", "the file is empty"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    """The message names the row and what stands there."""
    with pytest.raises(DataError) as refusal:
        finding_files.read(findings(tmp_path, text, name))
    assert message in str(refusal.value)


def test_the_command_lists_and_settles(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It answers 1 while anything is in doubt, and says what it did."""
    published = tmp_path / "dags" / "published"
    published.mkdir(parents=True)
    (published / "spring.json").write_text(world.engine.manifest.to_json(), encoding="utf-8")
    monkeypatch.setenv("OUTCAMP_HOME", str(tmp_path))
    monkeypatch.setenv("OUTCAMP_LEDGER", world.uri)
    assert 1 == main(["resolve", "spring", "--json"])
    assert ["ada", "ben"] == [row["recipient_id"] for row in json.loads(capsys.readouterr().out)]
    assert 2 == main(["resolve", "spring", "ada"])
    assert "RECIPIENT and --as go together, and --file alone." in capsys.readouterr().err
    assert 0 == main(["resolve", "spring", "ada", "--as", "delivered"])
    assert "1 attempts are no longer in doubt. Nothing is sent again.\n" == capsys.readouterr().out
    path = findings(tmp_path, "recipient_id,disposition\nben,failed\n")
    assert 2 == main(["resolve", "spring", "ben", "--as", "failed", "--file", str(path)])
    assert 0 == main(["resolve", "spring", "--file", str(path), "--json"])
    assert {"campaign": "spring", "attempts": 1} == json.loads(capsys.readouterr().out)
    assert 0 == main(["resolve", "spring"])
    assert "spring has no attempt in doubt.\n" == capsys.readouterr().out
