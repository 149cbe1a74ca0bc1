"""``outcamp push``: what it says to people and machines, and by which exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from outcamp.cli.main import main
from push_world import external_world
from small_world import ADA, BEN, World

PUBLISHED = datetime(2020, 1, 1, tzinfo=UTC)  # the command reads the database's clock


@pytest.fixture
def world(database_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A published external campaign, and the command in its project."""
    with ExitStack() as stack:
        world = external_world(stack, database_uri, tmp_path / "lake", published_at=PUBLISHED)
        published = tmp_path / "dags" / "published"
        published.mkdir(parents=True)
        (published / "spring.json").write_text(world.engine.manifest.to_json(), encoding="utf-8")
        monkeypatch.setenv("OUTCAMP_HOME", str(tmp_path))
        monkeypatch.setenv("OUTCAMP_LEDGER", world.uri)
        monkeypatch.setenv("OUTCAMP_STORE", str(tmp_path / "lake"))
        yield world


def file_of(folder: Path, text: str) -> str:
    path = folder / "push.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_good_push_says_how_many_and_exits_with_0(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Pushed again, it says that nothing has changed."""
    file = file_of(tmp_path, f"recipient_id,phone\nada,{ADA}\nben,{BEN}\n")
    assert [0, 0] == [main(["push", "spring", file]) for _ in range(2)]
    assert [
        "spring: 2 accepted, 0 refused.",
        "spring: 2 accepted, 0 refused. The same was pushed before; nothing has changed.",
    ] == capsys.readouterr().out.splitlines()
    assert [(2,)] == world.rows("SELECT sum(rows) FROM outcamp.parts")


def test_refused_rows_are_named_with_their_reason_and_exit_with_1(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Those beside them are accepted; of many rows with one reason the first are named."""
    bad = "".join(f"p{number},1\n" for number in range(12))
    assert 1 == main(["push", "spring", file_of(tmp_path, f"recipient_id,phone\nada,{ADA}\n,{BEN}\nada,{BEN}\n{bad}")])
    assert [
        "spring: 1 accepted, 14 refused.",
        "  1 refused: it has no recipient_id, or one with a NUL character (row 2)",
        "  1 refused: its recipient_id stands further up already (row 3)",
        "  12 refused: no phone number or e-mail address of it is valid for the channel (row 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, ...)",
    ] == capsys.readouterr().out.splitlines()


def test_machines_get_an_answer_for_each_row(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the order of the file, with the run key of the wave."""
    file = file_of(tmp_path, f"recipient_id,phone\nada,{ADA}\nben,1\n")
    assert 1 == main(["push", "spring", file, "--json", "--token", "monday"])
    said = json.loads(capsys.readouterr().out)
    assert [(said["push"],)] == world.rows("SELECT run FROM outcamp.occurrences")
    assert {
        "push": said["push"],
        "known": False,
        "accepted": 1,
        "refused": {"invalid_endpoint": 1},
        "answers": [
            {"row": 1, "recipient_id": "ada", "refused": None},
            {"row": 2, "recipient_id": "ben", "refused": "invalid_endpoint"},
        ],
    } == said


def test_what_has_expired_already_is_refused(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--expires`` is for the whole push."""
    assert world.runs.made == []
    file = file_of(tmp_path, f"recipient_id,phone\nada,{ADA}\n")
    assert 1 == main(["push", "spring", file, "--expires", "2020-01-02T00:00:00Z"])
    assert "  1 refused: its expires_at has passed (row 1)\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["sprnig", "push.csv"], 2, "There is no campaign 'sprnig'.\n  Next: Did you mean 'spring'?\n"),
        (["spring", "nowhere.csv"], 1, "nowhere.csv: there is no such file\n  Next: check the path\n"),
        (
            ["spring", "push.csv", "--expires", "soon"],
            2,
            "--expires 'soon' is not an instant\n  Next: write it like 2026-12-01T07:00:00-05:00\n",
        ),
        (
            ["spring", "push.csv", "--expires", "2026-12-01T07:00"],
            2,
            "--expires '2026-12-01T07:00' has no offset from UTC\n  Next: add one: 2026-12-01T07:00:00+00:00\n",
        ),
    ],
)
def test_wrong_use_is_told(world: World, words: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is pushed."""
    assert code == main(["push", *words])
    assert message == capsys.readouterr().err
    assert [] == world.rows("SELECT FROM outcamp.occurrences")
