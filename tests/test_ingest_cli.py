"""The command that takes outcomes in: what it says to people and machines, and by which exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from outcamp.cli.main import main
from outcome_world import dispositions, event, sent_world, written
from small_world import NOW, World


@pytest.fixture
def world(database_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A published campaign that has sent to two people, and the command in its project."""
    with ExitStack() as stack:
        world = sent_world(stack, database_uri, tmp_path / "lake")
        # The command reads the database's clock, which is not the campaign's: the messages went when it says.
        shift = "submitted_at = clock_timestamp() - interval '1 hour', deadline_at = clock_timestamp() + interval '71 hours'"
        world.change(f"UPDATE outcamp.attempts SET {shift}")
        published = tmp_path / "dags" / "published"
        published.mkdir(parents=True)
        (published / "spring.json").write_text(world.engine.manifest.to_json(), encoding="utf-8")
        monkeypatch.setenv("OUTCAMP_HOME", str(tmp_path))
        monkeypatch.setenv("OUTCAMP_LEDGER", world.uri)
        yield world


def said_now(world: World, recipient: str, disposition: str = "delivered") -> dict[str, object]:
    ((at,),) = world.rows("SELECT clock_timestamp() - interval '10 minutes'")
    return event(recipient, disposition, at)


def test_the_counts_are_said_and_what_is_kept_aside_exits_with_1(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Taken, known, what follows, and each reason with its count; all of it good exits with 0."""
    good = str(written(tmp_path, [said_now(world, "ada"), said_now(world, "ben", "unreachable")], "good.jsonl"))
    assert 0 == main(["ingest", good])
    assert f"{good}: 2 taken in, 0 known before; 1 reattempts and 1 exits follow\n" == capsys.readouterr().out
    assert [("ada", 1, "delivered", True), ("ben", 1, "unreachable", False), ("ben", 2, None, False)] == dispositions(world)
    mixed = str(written(tmp_path, [said_now(world, "zoe"), event("ada", at=NOW.replace(year=2020))], "mixed.jsonl"))
    assert 1 == main(["ingest", good, mixed])
    assert [
        f"{good}: 0 taken in, 2 known before; 0 reattempts and 0 exits follow",
        f"{mixed}: 0 taken in, 0 known before; 0 reattempts and 0 exits follow",
        "  1 kept aside: it is older than the submission of its attempt",
        "  1 kept aside: the campaign has no such attempt",
        "  They are in the ledger's table events_not_matched. Correct the file and take it in again: what was taken in stays.",
    ] == capsys.readouterr().out.splitlines()


def test_a_file_that_is_refused_does_not_keep_the_others_waiting(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Those beside it are taken in, and the exit code is 1."""
    bad, good = str(tmp_path / "nowhere.csv"), str(written(tmp_path, [said_now(world, "ada")]))
    assert 1 == main(["ingest", bad, good])
    refused, _, taken = capsys.readouterr().out.splitlines()
    assert (f"Refused: {bad}: there is no such file", f"{good}: 1 taken in") == (refused, taken.split(",")[0])
    assert 1 == main(["ingest", bad, good, "--json"])
    data = json.loads(capsys.readouterr().out)
    assert {"taken": 0, "known": 1, "reattempts": 0, "exits": 0, "suppressed": 0, "aside": {}} == data[good]
    assert ("DataError", "check the path") == (data[bad]["error"], data[bad]["next_step"])
