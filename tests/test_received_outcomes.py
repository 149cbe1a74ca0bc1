"""Outcomes that come in one by one are on the disk before their senders know, and become files that are worth a transaction."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcamp.core.errors import DataError
from outcamp.segments.outcome_files import NAMES, stream
from outcamp.steps import received_outcomes
from outcamp.steps.received_outcomes import join, keep, outcomes_in
from outcome_world import LATER, event, killed

LEFT_OPEN = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a kill closes no file
WRONG = [b"\xff", b"{", b"7", b'{"a": 1} {"b": 2}', b'{"disposition": true}', b'{"disposition": "x", "attempt": -1}']
ROWS = [[event(f"customer-{number}")] for number in range(7)]


def lines(folder: Path) -> list[dict[str, Any]]:
    """Return what complete files of a folder hold, each once."""
    texts = {line for path in folder.glob("*.jsonl") for line in path.read_bytes().decode().split("\n") if line}
    return [json.loads(line) for line in sorted(texts)]


def expected(rows: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return sorted((row for several in rows for row in several), key=lambda row: json.dumps(row, sort_keys=True))


def test_what_is_kept_is_joined(tmp_path: Path) -> None:
    """Into one file under a name that its content gives it; nothing is left beside it."""
    for rows in ROWS:
        keep(tmp_path, rows)
    assert 7 == len(list((tmp_path / "received").iterdir()))
    join(tmp_path)
    assert (1, []) == (len(list(tmp_path.glob("*.jsonl"))), list((tmp_path / "received").iterdir()))
    assert expected(ROWS) == lines(tmp_path)


def test_a_joined_file_is_not_larger_than_need_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded, however much came in."""
    monkeypatch.setattr(received_outcomes, "_JOINED", 300)
    for rows in ROWS:
        keep(tmp_path, rows)
    join(tmp_path)
    assert 3 <= len(list(tmp_path.glob("*.jsonl")))
    assert expected(ROWS) == lines(tmp_path)


def test_the_same_again_is_the_same_file(tmp_path: Path) -> None:
    """Whoever posts it twice has said it once."""
    keep(tmp_path, ROWS[0])
    keep(tmp_path, ROWS[0])
    assert 1 == len(list((tmp_path / "received").iterdir()))


def test_nothing_is_no_file(tmp_path: Path) -> None:
    """And a folder that nobody has made is not needed to join nothing."""
    join(tmp_path / "nowhere")
    assert [] == list(tmp_path.iterdir())


@LEFT_OPEN
def test_killed_while_it_is_kept_nothing_is_half_there(tmp_path: Path) -> None:
    """Either all of it is there or none; sent again it is."""
    whole, died, number = [row for rows in ROWS for row in rows], True, 0
    while died:
        number += 1
        folder = tmp_path / str(number)
        died = killed(number, lambda folder=folder: keep(folder, whole))  # type: ignore[misc]
        assert lines(folder / "received") in ([], expected(ROWS))
        keep(folder, whole)
        assert expected(ROWS) == lines(folder / "received")
    assert number > 10


@LEFT_OPEN
def test_killed_while_they_are_joined_nothing_is_lost(tmp_path: Path) -> None:
    """What is in two files by then is the same outcome."""
    died, number = True, 0
    while died:
        number += 1
        folder = tmp_path / str(number)
        for rows in ROWS[:3]:
            keep(folder, rows)
        died = killed(number, lambda folder=folder: join(folder))  # type: ignore[misc]
        join(folder)
        assert (expected(ROWS[:3]), []) == (lines(folder), list((folder / "received").glob("*.jsonl")))
    assert number > 20


def test_a_body_is_lines_a_list_or_one_object() -> None:
    """Numbers may be written as text; other columns and what is null do not come along."""
    row = {"reference": "spring/0/1/ada", "disposition": "delivered", "disposed_at": "2026-12-01T15:01:00Z"}
    for body in (json.dumps(row), json.dumps(row, indent=1), json.dumps([row]), f"\n{json.dumps(row)}\n\n"):
        assert [row] == outcomes_in(body.encode(), LATER)
    odd = row | {"reference": "spring/0/1/a\u2028b"}  # a line separator, but not of JSON lines
    assert [odd, row] == outcomes_in(f"{json.dumps(odd, ensure_ascii=False)}\r\n{json.dumps(row)}".encode(), LATER)
    more = row | {"attempt": "1", "occurrence": 0, "channel": None, "cost": 0.01}
    assert [row | {"attempt": 1, "occurrence": 0}] == outcomes_in(json.dumps(more).encode(), LATER)
    assert [] == outcomes_in(b"", LATER)


said = st.text() | st.integers() | st.none() | st.floats() | st.booleans() | st.lists(st.text(), max_size=1)
texts = st.text(st.characters(exclude_categories=[]))  # halves of characters as well
some = st.fixed_dictionaries(
    {"disposition": texts}, optional=dict.fromkeys(("reference", "recipient_id", "reply"), texts)
) | st.dictionaries(st.sampled_from([*NAMES, "MessageStatus", "MessageSid", "Body", "From"]), said, min_size=1, max_size=5)


@given(records=st.lists(some, max_size=3))
def test_no_row_spoils_the_file_that_it_is_joined_to(tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, Any]]) -> None:
    """What was answered as taken in can be read by the pulse; what cannot be read was refused."""
    folder = tmp_path_factory.mktemp("folder")
    for record in records:
        with suppress(DataError):
            keep(folder, outcomes_in(json.dumps(record).encode(), LATER))
    kept = len(lines(folder / "received"))
    join(folder)
    assert kept == sum(table.num_rows for path in folder.glob("*.jsonl") for table in stream(path))


@pytest.mark.parametrize("body", WRONG)
def test_what_is_none_of_these_is_refused(body: bytes) -> None:
    """As a whole, with what to do."""
    with pytest.raises(DataError, match="Next: write"):
        outcomes_in(body, LATER)
