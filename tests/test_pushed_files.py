"""Files that are pushed: what each form means, and what is said about those that cannot be taken."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from outcamp.core.errors import DataError
from outcamp.segments.pushed_files import read

AT = datetime(2026, 12, 1, 18, tzinfo=UTC)
NEXT = "\n  Next: "


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_three_forms_say_the_same(tmp_path: Path) -> None:
    """Ids stay text, an empty field is missing, an instant is one whatever its offset, and other columns travel along."""
    lines = (
        '{"recipient_id": "01", "phone": "2", "expires_at": "2026-12-01T19:00:00+01:00", "since": "2026-11-01"}\n{"recipient_id": "b"}\n'
    )
    table = pa.table({"recipient_id": ["01", "b"], "phone": ["2", None], "expires_at": [AT, None], "since": ["2026-11-01", None]})
    pq.write_table(table, tmp_path / "push.parquet")
    files = [
        written(tmp_path, "push.jsonl", lines),
        written(tmp_path, "push.csv", "recipient_id,phone,expires_at,since\n01,2,2026-12-01T18:00:00Z,2026-11-01\nb,,,\n"),
        tmp_path / "push.parquet",
    ]
    for file in files:
        rows = read(file)
        assert table.to_pylist() == rows.table.select(table.column_names).to_pylist()
        assert [False, False] == rows.misread.to_pylist()


def test_the_expiry_of_the_push_is_for_rows_that_say_none(tmp_path: Path) -> None:
    """One that cannot be read is not replaced: somebody meant something by it."""
    text = "recipient_id,expires_at\na,\nb,2026-12-01 19:00\nc,2026-12-01T17:00:00Z\n"
    rows = read(written(tmp_path, "push.csv", text), (), AT)
    assert [AT, None, AT.replace(hour=17)] == rows.table["expires_at"].to_pylist()
    assert [False, True, False] == rows.misread.to_pylist()
    assert [AT] == read(written(tmp_path, "none.csv", "recipient_id\na\n"), (), AT).table["expires_at"].to_pylist()


def test_a_time_without_a_zone_in_parquet_cannot_be_read(tmp_path: Path) -> None:
    """It could mean any zone."""
    pq.write_table(pa.table({"recipient_id": ["a"], "expires_at": [AT.replace(tzinfo=None)]}), tmp_path / "push.parquet")
    assert [True] == read(tmp_path / "push.parquet").misread.to_pylist()


def test_an_expiry_that_no_calendar_knows_cannot_be_read(tmp_path: Path) -> None:
    """The last second of the year 9999 is a way to say never; what lies beyond it in UTC is a slip."""
    ends = ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-10:00"]
    text = "recipient_id,expires_at\n" + "".join(f"{at},{at}\n" for at in ends)
    assert [False, True] == read(written(tmp_path, "push.csv", text)).misread.to_pylist()
    beyond = pa.array([253402336799], pa.timestamp("s", tz="UTC"))
    pq.write_table(pa.table({"recipient_id": ["a"], "expires_at": beyond}), tmp_path / "push.parquet")
    assert [True] == read(tmp_path / "push.parquet").misread.to_pylist()


def test_the_content_is_that_of_the_file_and_of_the_expiry(tmp_path: Path) -> None:
    """Whatever the file is called; another expiry is another push."""
    one, two = (written(tmp_path, name, "recipient_id\na\n") for name in ("one.csv", "two.csv"))
    assert read(one).content == read(two).content
    assert read(one).content != read(one, (), AT).content


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("push.csv", "", "the file is empty\n  Next: a CSV begins with a line of column names"),
        ("push.csv", "recipient_id\n", "there is nobody in it\n  Next: push the rows as soon as there are any"),
        ("push.jsonl", "", "there is nobody in it\n  Next: push the rows as soon as there are any"),
        ("push.csv", "id,phone\n1,2\n", "there is no column recipient_id\n  Next: name the id recipient_id; the columns are id, phone"),
        ("push.csv", "recipient_id,a,a\n1,2,3\n", "the column 'a' stands twice\n  Next: give each column a name of its own"),
        ("push.csv", "recipient_id,_outcamp_row\n1,2\n", "the column name '_outcamp_row' is outcamp's own\n  Next: rename the column"),
        (
            "push.csv",
            'recipient_id\n"1\n',
            "the file is cut short or damaged: it ends inside a quoted field\n"
            "  Next: write the file again and retry; nothing was read from it",
        ),
        ("push.xlsx", "x", "neither Parquet nor CSV by its name\n  Next: name it .parquet or .csv"),
        (
            "push.jsonl",
            '{"recipient_id": 5}\n',
            "these are no JSON lines: JSON parse error: Column(/recipient_id) changed from string to number in row 0\n"
            "  Next: write one object a line, with ids, numbers of phones and times as text",
        ),
    ],
)
def test_a_file_that_cannot_be_taken_is_refused_whole(tmp_path: Path, name: str, text: str, message: str) -> None:
    """Nothing of it is pushed, and what to do is said."""
    path = written(tmp_path, name, text)
    with pytest.raises(DataError) as raised:
        read(path)
    assert f"{path}: {message}" == str(raised.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """In both ways of reading."""
    for name in ("push.csv", "push.jsonl"):
        with pytest.raises(DataError) as raised:
            read(tmp_path / name)
        assert f"{tmp_path / name}: there is no such file{NEXT}check the path" == str(raised.value)


def test_an_id_that_may_be_written_in_two_ways_is_refused(tmp_path: Path) -> None:
    """1.0 and 1 would be two people."""
    pq.write_table(pa.table({"recipient_id": [1.0]}), tmp_path / "push.parquet")
    with pytest.raises(DataError, match="the column recipient_id holds double, and is read as text"):
        read(tmp_path / "push.parquet")
