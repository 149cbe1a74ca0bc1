"""A segment in hash buckets: parts of bounded size, sorted, with the rows of one recipient together."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcamp.frames.hashing import buckets
from outcamp.store.spill import BUCKETS, HELD_BYTES, BucketSpill

KEYS = ("bucket", "recipient_id", "row")


def rows(ids: list[str], first: int = 0, numbers: list[int] | None = None) -> pa.Table:
    """Rows of a segment, numbered from ``first`` on."""
    recipients = pa.array(ids, pa.string())
    bucket = pa.array(buckets(recipients) if numbers is None else numbers, pa.int16())
    return pa.table({"recipient_id": recipients, "bucket": bucket, "row": pa.array(range(first, first + len(ids)), pa.int64())})


def parts_of(tables: list[pa.Table], part_rows: int, held_bytes: int = HELD_BYTES) -> list[tuple[int, int, list[tuple[int, str, int]]]]:
    """The parts of a segment, with (bucket, recipient, row number) of each row."""
    with BucketSpill(part_rows, "bucket", "recipient_id", held_bytes) as spill:
        for table in tables:
            spill.add(table)
        return [(first, last, list(zip(*(part[key].to_pylist() for key in KEYS), strict=True))) for first, last, part in spill.parts()]


@given(
    tables=st.lists(st.lists(st.sampled_from([f"{number}" for number in range(30)]), max_size=15), min_size=1, max_size=6),
    part_rows=st.integers(1, 40),
    held_bytes=st.sampled_from([0, 300, HELD_BYTES]),
)
def test_parts_are_the_segment_sorted_and_cut_between_buckets(tables: list[list[str]], part_rows: int, held_bytes: int) -> None:
    """Together the parts are all rows in order of bucket, recipient and row; none is larger than asked, unless one bucket is.

    It makes no difference whether the segment was held in memory, or went through files, all at once or bit by bit.
    """
    numbered, first = [], 0
    for ids in tables:
        numbered.append(rows(ids, first))
        first += len(ids)
    parts = parts_of(numbered, part_rows, held_bytes)

    ids = [name for table in tables for name in table]
    bucket_of = dict(zip(ids, buckets(pa.array(ids, pa.string())).tolist(), strict=True))
    expected = sorted((bucket_of[name], name, number) for number, name in enumerate(ids))
    assert expected == [row for _, _, part in parts for row in part]

    assert [0, BUCKETS - 1] == [parts[0][0], parts[-1][1]]
    assert all(before[1] + 1 == after[0] for before, after in pairwise(parts))
    for low, high, part in parts:
        assert {bucket for bucket, _, _ in part} <= set(range(low, high + 1))
        assert len(part) <= part_rows or 1 == len({bucket for bucket, _, _ in part})


def test_many_rows_are_several_parts() -> None:
    """Ten thousand rows in parts of a thousand are at least ten parts, and not one for each bucket."""
    ids = [f"recipient {number}" for number in range(10_000)]
    parts = parts_of([rows(ids[start : start + 700], start) for start in range(0, 10_000, 700)], 1000)
    assert 10 <= len(parts) <= 20
    assert max(len(part) for _, _, part in parts) <= 1000
    assert sorted(ids) == sorted(name for _, _, part in parts for _, name, _ in part)


def test_the_rows_of_one_recipient_stay_together_first_row_first() -> None:
    """However far apart they came, they are neighbours, in the order of the segment."""
    tables = [rows([name, *(f"{name}{number}" for number in range(50))], 1000 * place) for place, name in enumerate("xyxzx")]
    found = [row for _, _, part in parts_of(tables, 20) for row in part]
    places = [place for place, (_, name, _) in enumerate(found) if name == "x"]
    assert [places[0], places[0] + 1, places[0] + 2] == places
    assert [0, 2000, 4000] == [found[place][2] for place in places]


def test_the_order_of_ids_is_that_of_their_bytes() -> None:
    """The same as in the ledger, whose text compares by bytes."""
    ids = ["b", "B", "é", "a", "Z", "ä", "日", "10", "9"]
    ((_, _, part),) = parts_of([rows(ids, numbers=[0] * len(ids))], 100)
    assert sorted(ids, key=str.encode) == [name for _, name, _ in part]


def test_a_bucket_is_never_cut() -> None:
    """One bucket with more rows than a part may have is one part, so that a recipient is decided in one place."""
    parts = parts_of([rows([f"{number}" for number in range(90)], numbers=[7] * 45 + [9] * 45)], 20)
    assert [(0, 8, 45), (9, 63, 45)] == [(first, last, len(part)) for first, last, part in parts]


def test_no_part_is_empty_where_there_are_rows() -> None:
    """Buckets without rows, also those behind a large one, belong to the part before them."""
    parts = parts_of([rows([f"{number}" for number in range(90)], numbers=[3] * 30 + [5] * 5 + [60] * 55)], 20)
    assert [(0, 4, 30), (5, 59, 5), (60, 63, 55)] == [(first, last, len(part)) for first, last, part in parts]


def test_where_nothing_was_added_there_is_no_part() -> None:
    """Not even the columns are known."""
    assert [] == parts_of([], 20)


def test_a_segment_without_rows_is_one_empty_part() -> None:
    """The part has the columns of the segment."""
    with BucketSpill(100, "bucket", "recipient_id") as spill:
        spill.add(rows([]))
        ((first, last, part),) = spill.parts()
    assert (0, 63, 0) == (first, last, part.num_rows)
    assert list(rows([]).column_names) == part.column_names


@pytest.mark.parametrize("held_bytes", [0, HELD_BYTES])
def test_columns_of_categories_may_know_other_categories_in_each_table(held_bytes: int) -> None:
    """As pandas writes them: every batch of a file brings a dictionary of its own."""
    tables = [rows([name], place).append_column("plan", pa.array([name * 2]).dictionary_encode()) for place, name in enumerate("xyz")]
    with BucketSpill(1, "bucket", "recipient_id", held_bytes) as spill:
        for table in tables:
            spill.add(table)
        found = [(row["recipient_id"], row["plan"]) for _, _, part in spill.parts() for row in part.to_pylist()]
    assert [("x", "xx"), ("y", "yy"), ("z", "zz")] == sorted(found)


def test_nothing_is_left_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of a large segment go with the spill, also when its reader fails half way."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    held = []

    def fail_half_way() -> None:
        with BucketSpill(10, "bucket", "recipient_id", held_bytes=1000) as spill:
            spill.add(rows([f"{number}" for number in range(100)]))
            held.extend(tmp_path.iterdir())
            next(spill.parts())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert 1 == len(held)
    assert [] == list(tmp_path.iterdir())
