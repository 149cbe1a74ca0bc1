"""Attempts whose submission is unknown: they are listed, and what people find out corrects the books and sends nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from outcamp.cli.main import main
from outcamp.core.errors import UsageError
from outcamp.core.run_key import run_key
from outcamp.steps.outcome_files import take_in_file
from outcamp.steps.resolve import Doubt, doubts, resolve
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
    assert 1 == resolve(world.engine.ledger, "spring", ["ben", "ben"], "failed")
    assert [("ada", 1, "unknown", True), ("ben", 1, "failed", False)] == books(world)
    assert ["ada"] == [doubt.recipient_id for doubt in doubts(world.engine.ledger, "spring")]
    assert given == len(world.outbox.given)


def test_what_the_channel_still_reports_replaces_what_people_said(world: World, tmp_path: Path) -> None:
    """A person's word is dated at the submission, and any report is later."""
    resolve(world.engine.ledger, "spring", ["ben"], "failed")
    at = NOW + timedelta(seconds=1)
    path = tmp_path / "o.csv"
    path.write_text(f"reference,disposition,disposed_at\nspring/0/1/ben,delivered,{at.isoformat()}\n", encoding="utf-8")
    assert 1 == take_in_file(world.engine.ledger, {"spring": world.engine.manifest}.get, path, at).taken
    assert ("ben", 1, "delivered", True) == books(world)[1]


@pytest.mark.parametrize(
    ("recipients", "disposition", "message"),
    [
        (["bon"], "failed", "spring has no attempt in doubt for 'bon'.\n  Next: Did you mean 'ben'?"),
        (["ben", "zoe"], "failed", "spring has no attempt in doubt for 'zoe'."),
        (["ben"], "bounced", "sms has no disposition 'bounced'."),
        (["ben"], "faild", "sms has no disposition 'faild'.\n  Next: Did you mean 'failed'?"),
        (["ben"], "unknown", "sms has no disposition 'unknown'."),
    ],
)
def test_what_is_wrong_is_refused_whole(world: World, recipients: list[str], disposition: str, message: str) -> None:
    """Nobody of the list is changed."""
    before = books(world)
    with pytest.raises(UsageError) as refusal:
        resolve(world.engine.ledger, "spring", recipients, disposition)
    assert str(refusal.value).startswith(message)
    assert before == books(world)


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
    assert "RECIPIENT and --as go together." in capsys.readouterr().err
    assert 0 == main(["resolve", "spring", "ada", "ben", "--as", "delivered"])
    assert "2 attempts are delivered now. Nothing is sent again.\n" == capsys.readouterr().out
    assert 0 == main(["resolve", "spring"])
    assert "spring has no attempt in doubt.\n" == capsys.readouterr().out
