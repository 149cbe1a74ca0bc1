"""Taking a file in from the folder may be killed at any instruction, and two pulses may do it at once: the books end the same."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from outcamp.core.errors import LedgerUnavailable
from outcamp.steps import outcome_files
from outcamp.steps.outcome_files import Manifests, TakenIn
from outcamp.steps.outcome_folder import TAKING, Emptied, take_in_folder
from outcamp.store.ledger import Ledger
from outcome_world import LATER, dispositions, event, forget_outcomes, kept_aside, killed, sent_world, written
from small_world import World

STRIDE = 11  # it dies at some of the calls, because each costs two pulses
EVENTS = [event("ada"), event("zoe", "opted_out"), event("ben", "unreachable"), event("ben", "unreachable")]
AS_IT_ENDS = [("ada", 1, "delivered", True), ("ben", 1, "unreachable", False), ("ben", 2, None, False)]


@pytest.fixture
def world(database_uri: str, tmp_path: Path) -> Iterator[World]:
    """Two people to whom a message went."""
    with ExitStack() as stack:
        yield sent_world(stack, database_uri, tmp_path / "lake")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where files of outcomes are put."""
    folder = tmp_path / "outcomes"
    folder.mkdir()
    return folder


def pulse(world: World, folder: Path, ledger: Ledger | None = None) -> Emptied:
    return take_in_folder(ledger or world.engine.ledger, {"spring": world.engine.manifest}.get, folder, lambda: LATER)


def suppressed(world: World) -> int:
    return len(world.rows("SELECT FROM outcamp.suppressions"))


def test_a_kill_at_any_call_changes_nothing_in_the_end(world: World, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is several transactions here; wherever the first pulse dies, the second ends as one alone would have."""
    monkeypatch.setattr(outcome_files, "CHUNK_ROWS", 2)
    number = 1
    written(folder, EVENTS, "1.jsonl")
    while killed(number, lambda: pulse(world, folder)):
        pulse(world, folder)
        assert (number, AS_IT_ENDS, 1, 1) == (number, dispositions(world), len(kept_aside(world)), suppressed(world))
        assert [] == [*folder.glob("*.jsonl"), *(folder / TAKING).iterdir()]
        assert (folder / "taken" / f"{number}.jsonl").exists()
        forget_outcomes(world)
        number += STRIDE
        written(folder, EVENTS, f"{number}.jsonl")
    assert number > 200


def test_two_pulses_at_once_take_everything_in_once(world: World, folder: Path) -> None:
    """Whichever is faster, each file ends in taken/ and each outcome has one thing follow."""
    for number in range(20):
        written(folder, EVENTS, f"{number}.jsonl")
    (folder / "bad.csv").write_text("", encoding="utf-8")
    barrier, failed = threading.Barrier(2), []

    def beat() -> None:
        ledger = Ledger.at(world.uri)
        try:
            barrier.wait()
            pulse(world, folder, ledger)
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
    assert AS_IT_ENDS == dispositions(world)
    assert (1, 1) == (len(kept_aside(world)), suppressed(world))
    assert sorted(f"{number}.jsonl" for number in range(20)) == sorted(path.name for path in (folder / "taken").iterdir())
    assert [] == list((folder / TAKING).iterdir())
    assert (folder / "refused" / "bad.csv").exists()


def test_a_newer_file_of_the_same_name_is_not_lost(world: World, folder: Path) -> None:
    """What is put there while the older one is taken in is taken in by the next pulse."""
    written(folder, [event("ada")])

    def manifest_of(_: str) -> Any:
        written(folder, [event("ben", "failed")])
        return world.engine.manifest

    take_in_folder(world.engine.ledger, manifest_of, folder, lambda: LATER)
    assert [("ada", 1, "delivered", True), ("ben", 1, None, True)] == dispositions(world)
    assert {"outcomes.jsonl": TakenIn(taken=1, exits=1)} == pulse(world, folder).taken
    assert [("ada", 1, "delivered", True), ("ben", 1, "failed", False)] == dispositions(world)
    assert ["outcomes-2.jsonl", "outcomes.jsonl"] == sorted(path.name for path in (folder / "taken").iterdir())


def test_the_folder_is_emptied_file_by_file(world: World, folder: Path) -> None:
    """Complete files are put away, refused ones with the reason beside them, and what is still being written stays."""
    written(folder, [event("ada")], "good.jsonl")
    (folder / "bad.csv").write_text("reference,disposed_at\n", encoding="utf-8")
    written(folder, [event("ben")], ".half.jsonl")
    written(folder, [event("ben")], "half.jsonl.part")
    assert Emptied({"good.jsonl": TakenIn(taken=1, exits=1)}, ["bad.csv"]) == pulse(world, folder)
    left = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert [".half.jsonl", "half.jsonl.part", "refused/bad.csv", "refused/bad.csv.reason.txt", "taken/good.jsonl"] == left
    assert "the column disposition is missing" in (folder / "refused" / "bad.csv.reason.txt").read_text(encoding="utf-8")


def breaking_at(world: World, number: int, error: Exception) -> Manifests:
    """Return a source of manifests that breaks when it is asked the so-manieth time."""
    asked = count(1)

    def manifest_of(_: str) -> Any:
        if next(asked) == number:
            raise error
        return world.engine.manifest

    return manifest_of


def test_a_file_on_which_something_breaks_keeps_no_other_waiting(world: World, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays where it is, its reason is told, and it is tried again: no row of it is lost, and none counts twice."""
    monkeypatch.setattr(outcome_files, "CHUNK_ROWS", 1)
    written(folder, [event("zoe", "opted_out"), event("ada")], "1.jsonl")
    written(folder, [event("ben", "failed")], "2.jsonl")
    broken = breaking_at(world, 1, OverflowError("date value out of range"))
    emptied = take_in_folder(world.engine.ledger, broken, folder, lambda: LATER)
    assert (["2.jsonl"], [], {"1.jsonl": "OverflowError"}) == (list(emptied.taken), emptied.refused, emptied.failed)
    assert [("ada", 1, None, True), ("ben", 1, "failed", False)] == dispositions(world)
    assert [folder / TAKING / "1.jsonl"] == list((folder / TAKING).iterdir())
    assert ["1.jsonl"] == list(pulse(world, folder).taken)
    assert [("ada", 1, "delivered", True), ("ben", 1, "failed", False)] == dispositions(world)
    assert (1, 1, []) == (suppressed(world), len(kept_aside(world)), list((folder / TAKING).iterdir()))


def test_a_ledger_that_is_away_is_no_fault_of_a_file(world: World, folder: Path) -> None:
    """The pulse ends there, Airflow tries it again, and the files wait in their order."""
    written(folder, [event("ada")], "1.jsonl")
    written(folder, [event("ben", "failed")], "2.jsonl")
    with pytest.raises(LedgerUnavailable, match="gone"):
        take_in_folder(world.engine.ledger, breaking_at(world, 1, LedgerUnavailable("gone")), folder, lambda: LATER)
    assert [("ada", 1, None, True), ("ben", 1, None, True)] == dispositions(world)
    assert ["1.jsonl", "2.jsonl"] == list(pulse(world, folder).taken)


def test_a_folder_that_is_not_there_holds_nothing(world: World, tmp_path: Path) -> None:
    """Nobody has to make it."""
    assert Emptied() == pulse(world, tmp_path / "nowhere")
