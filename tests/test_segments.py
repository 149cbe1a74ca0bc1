"""The doors of a segment: files in batches, refused whole when something is wrong, and columns under the names that mean something."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from outcamp.core.errors import DataError
from outcamp.segments import columns, files

AGAIN = "\n  Next: write the file again and retry; nothing was read from it"
PEOPLE = b'recipient_id,phone,note\n007,0123,"a, b"\n008,,\n'


def written(folder: Path, data: bytes, name: str = "people.csv") -> Path:
    """A file with these bytes."""
    path = folder / name
    path.write_bytes(data)
    return path


def said_of(path: Path) -> str:
    """What is said about a file that is refused, after its path."""
    with pytest.raises(DataError) as raised:
        files.read(path)
    return str(raised.value).removeprefix(f"{path}: ")


# CSV.


def test_csv_columns_are_text(tmp_path: Path) -> None:
    """An id and a number keep their leading zeros, an empty field is missing, and a quoted comma is no border."""
    path = written(tmp_path, PEOPLE)
    assert ["recipient_id", "phone", "note"] == files.column_names(path)
    assert [
        {"recipient_id": "007", "phone": "0123", "note": "a, b"},
        {"recipient_id": "008", "phone": None, "note": None},
    ] == files.read(path).to_pylist()


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b"\xef\xbb\xbfrecipient_id,note\n1,x\n", [{"recipient_id": "1", "note": "x"}]),
        (b'recipient_id,note\r\n1,"two\r\nlines"\r\n', [{"recipient_id": "1", "note": "two\r\nlines"}]),
        (b'"recipient_id","note"\n"1","say ""hi"""', [{"recipient_id": "1", "note": 'say "hi"'}]),
        ("recipient_id,note\n1,Žofie 🙂\n".encode(), [{"recipient_id": "1", "note": "Žofie 🙂"}]),
        (b"recipient_id,note\n1,NULL\n2,NA\n", [{"recipient_id": "1", "note": "NULL"}, {"recipient_id": "2", "note": "NA"}]),
        (b"recipient_id,note\n", []),
        (b"recipient_id,note", []),
        (b'\xef\xbb\xbf"recipient_id","note"', []),
        (b"recipient_id,note\r1,x\r", [{"recipient_id": "1", "note": "x"}]),
    ],
    ids=[
        "byte order mark",
        "Windows lines",
        "all quoted, no last line end",
        "UTF-8",
        "words for nothing",
        "no rows",
        "no rows, no line end",
        "no rows, no line end, all quoted",
        "lines of an old Macintosh",
    ],
)
def test_csv_as_people_write_it(tmp_path: Path, data: bytes, rows: list[dict[str, str]]) -> None:
    """What spreadsheets and exports write is read as it was meant."""
    path = written(tmp_path, data)
    assert ["recipient_id", "note"] == files.column_names(path)
    assert rows == files.read(path).to_pylist()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty\n  Next: a CSV begins with a line of column names"),
        (PEOPLE[:-1] + b'9,"01', f"the file is cut short or damaged: it ends inside a quoted field{AGAIN}"),
        (PEOPLE + b"009,01", f"the file is cut short or damaged: CSV parse error: Row #4: Expected 3 columns, got 2{AGAIN}"),
        (PEOPLE + b"9,1,x,y\n", f"the file is cut short or damaged: CSV parse error: Row #4: Expected 3 columns, got 4{AGAIN}"),
        (
            b"recipient_id,note\n1,Jos\xe9\n",
            f"the file is cut short or damaged: In CSV column #1: Row #2: CSV conversion error to string: invalid UTF8 data{AGAIN}",
        ),
    ],
    ids=["nothing", "inside quotes", "inside a row", "a border too many", "not UTF-8"],
)
def test_a_broken_csv_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    """The message names the file, what is wrong about it, and what to do."""
    assert message == said_of(written(tmp_path, data))


@pytest.mark.parametrize("cut", range(1, len(PEOPLE)))
def test_a_csv_that_was_cut_is_refused_or_gives_whole_rows(tmp_path: Path, cut: int) -> None:
    """Wherever the file ends, it is refused, unless the end can be one: behind a line, within the header or within a row's last column."""
    path = written(tmp_path, PEOPLE[:cut])
    rows = PEOPLE[:cut].splitlines()[1:]
    if PEOPLE[:cut].count(b'"') % 2 or any(row.count(b",") < 2 for row in rows):
        assert said_of(path).startswith("the file is cut short or damaged: ")
    else:
        assert len(rows) == files.read(path).num_rows


def test_csv_comes_in_batches(tmp_path: Path) -> None:
    """A large file is never held whole."""
    lines = b"".join(b"%07d,+12025550143\n" % number for number in range(150_000))
    batches = list(files.stream(written(tmp_path, b"recipient_id,phone\n" + lines)))
    assert len(batches) > 1
    assert 150_000 == sum(batch.num_rows for batch in batches)
    assert "0000000" == batches[0]["recipient_id"][0].as_py()


@pytest.mark.parametrize("before", [0, 10, 200_000])
@pytest.mark.parametrize("note", [b"x" * 1_500_000, b'"' + b"x\n" * 1_500_000 + b'"', b'"' + b'""' * 2_000_000 + b'"'])
def test_a_long_row_is_no_damage(tmp_path: Path, note: bytes, before: int) -> None:
    """A note of megabytes travels along, wherever it stands in the file, with line ends or quotes in it."""
    path = written(tmp_path, b"recipient_id,note\n" + b"0,y\n" * before + b"1," + note + b"\n" + b"2,z\n" * 10)
    found = files.read(path)
    assert before + 11 == found.num_rows
    assert len(note.replace(b'""', b'"').strip(b'"')) <= max(len(row) for row in found["note"].to_pylist())


# Parquet.


@pytest.fixture
def parquet(tmp_path: Path) -> Path:
    """A Parquet file with 100,000 rows."""
    path = tmp_path / "people.parquet"
    ids = [f"{number:06}" for number in range(100_000)]
    pq.write_table(pa.table({"recipient_id": ids, "score": pa.array(range(100_000), pa.int32())}), path)
    return path


def test_parquet_keeps_its_types_and_comes_in_batches(parquet: Path) -> None:
    """What the file says of a column holds, and a large file is never held whole."""
    batches = list(files.stream(parquet))
    assert len(batches) > 1
    assert ["recipient_id", "score"] == files.column_names(parquet)
    assert pa.schema([("recipient_id", pa.string()), ("score", pa.int32())]) == batches[0].schema
    assert 100_000 == files.read(parquet).num_rows


def test_parquet_without_rows_keeps_its_columns(tmp_path: Path) -> None:
    """An empty list has columns all the same."""
    path = tmp_path / "people.pq"
    pq.write_table(pa.table({"recipient_id": pa.array([], pa.string())}), path)
    assert (0, ["recipient_id"]) == (files.read(path).num_rows, files.read(path).column_names)


@pytest.mark.parametrize("share", [0, 0.00001, 0.3, 0.999, 0.9999999])
def test_a_parquet_file_that_was_cut_is_refused(parquet: Path, share: float) -> None:
    """Wherever it ends: a Parquet file has its table of contents at the end."""
    data = parquet.read_bytes()
    parquet.write_bytes(data[: int(len(data) * share)])
    message = said_of(parquet)
    assert message.startswith("the file is cut short or damaged: Parquet ")
    assert message.endswith(AGAIN)
    with pytest.raises(DataError):
        files.column_names(parquet)


def test_a_parquet_file_with_a_hole_is_refused(parquet: Path) -> None:
    """A file that is whole at its end and damaged in its middle does not come half."""
    data = parquet.read_bytes()
    parquet.write_bytes(data[:1000] + bytes(5000) + data[6000:])
    assert said_of(parquet).startswith("the file is cut short or damaged: ")


def test_a_parquet_file_that_is_none_is_refused(tmp_path: Path) -> None:
    """A CSV under the wrong name is told from Parquet."""
    message = said_of(written(tmp_path, PEOPLE, "people.parquet"))
    assert message.startswith("the file is cut short or damaged: Parquet magic bytes not found in footer.")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """The path is named; a folder is no file either."""
    for path in (tmp_path / "people.csv", tmp_path):
        assert "there is no such file\n  Next: check the path" == said_of(path)


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    """A file is known by its name."""
    assert "neither Parquet nor CSV by its name\n  Next: name it .parquet or .csv" == said_of(written(tmp_path, b"x", "people.xlsx"))


# Columns.


def renaming(names: list[str], mapping: dict[str, str] | None = None) -> str:
    """What is said about these column names."""
    with pytest.raises(DataError) as raised:
        columns.rename(names, mapping or {}, "people.csv")
    return str(raised.value)


@pytest.mark.parametrize(
    ("names", "mapping", "renamed"),
    [
        (["recipient_id", "phone"], {}, ["recipient_id", "phone"]),
        (["no", "mobile", "x"], {"recipient_id": "no", "phone": "mobile"}, ["recipient_id", "phone", "x"]),
        # The column that had the name before travels along under another one.
        (["id", "phone", "mobile"], {"recipient_id": "id", "phone": "mobile"}, ["recipient_id", "phone_source", "phone"]),
        (["a", "b"], {"recipient_id": "b", "b": "a"}, ["b", "recipient_id"]),
        # Where the segment has the meaning already, there is nothing to map.
        (["recipient_id", "phone"], {"recipient_id": "id", "phone": "mobile"}, ["recipient_id", "phone"]),
        (["recipient_id", "phone", "mobile2"], {"phone": "mobile1", "home": "mobile2"}, ["recipient_id", "phone", "home"]),
    ],
)
def test_columns_get_the_names_that_mean_something(names: list[str], mapping: dict[str, str], renamed: list[str]) -> None:
    """``columns`` maps the names of the source; all others stay."""
    assert renamed == columns.rename(names, mapping, "people.csv")


@pytest.mark.parametrize(
    ("names", "mapping", "message"),
    [
        (
            ["id", "phone"],
            {},
            "people.csv: the segment has no column recipient_id\n  Next: select the id AS recipient_id, or map it with segment.columns: "
            "{recipient_id: ...}; the columns are id, phone",
        ),
        (
            ["recipient_id", "mobil"],
            {"phone": "mobile"},
            "people.csv: segment.columns maps phone to 'mobile', and there is no such column\n"
            "  Next: did you mean 'mobil'? the columns are recipient_id, mobil",
        ),
        (
            ["recipient_id", "x"],
            {"phone": "mobile"},
            "people.csv: segment.columns maps phone to 'mobile', and there is no such column\n  Next: the columns are recipient_id, x",
        ),
        (
            ["recipient_id", "mobile"],
            {"phone": "mobile", "whatsapp": "mobile"},
            "people.csv: segment.columns maps both phone and whatsapp to 'mobile'\n"
            "  Next: select the column twice in the segment, under two names, or remove one of the two",
        ),
        (
            ["recipient_id", "phone", "phone"],
            {},
            "people.csv: the column 'phone' stands twice\n  Next: give each column a name of its own",
        ),
        (
            ["recipient_id", "_outcamp_bucket"],
            {},
            "people.csv: the column name '_outcamp_bucket' is outcamp's own\n  Next: rename the column",
        ),
    ],
)
def test_columns_that_cannot_be_a_segment(names: list[str], mapping: dict[str, str], message: str) -> None:
    """The message says which column, and which ones there are."""
    assert message == renaming(names, mapping)


def test_a_column_that_stands_twice_in_a_file_is_refused(tmp_path: Path) -> None:
    """Both come out of the file, and the door of the segment sees them."""
    table = files.read(written(tmp_path, b"recipient_id,phone,phone\n1,2,3\n"))
    assert "the column 'phone' stands twice" in renaming(table.column_names)


def prepared(**data: Any) -> pa.Table:
    """A batch behind the door."""
    table = pa.table(data)
    return columns.prepare(table, table.column_names, columns.TEXT_COLUMNS, "people.csv")


@pytest.mark.parametrize(
    ("column", "text"),
    [
        (pa.array([7, None], pa.int64()), ["7", None]),
        (pa.array(["07", None], pa.large_string()), ["07", None]),
        (pa.array(["07", None], pa.string_view()), ["07", None]),
        (pa.array(["07", None]).dictionary_encode(), ["07", None]),
        (pa.array([7, None]).dictionary_encode(), ["7", None]),
        (pa.nulls(2), [None, None]),
    ],
    ids=["integer", "large text", "text view", "dictionary", "dictionary of integers", "nothing"],
)
def test_numbers_that_are_names_become_text(column: pa.Array, text: list[str | None]) -> None:
    """Columns that the rules read are text, whatever the source calls them; ids and phones among them."""
    table = prepared(recipient_id=pa.array([1, 2], pa.int16()), phone=column, score=[1, 2])
    assert text == table["phone"].to_pylist()
    assert [pa.string(), pa.string(), pa.int64()] == table.schema.types
    assert ["1", "2"] == table["recipient_id"].to_pylist()


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["a", None, ""], "2 of 3 rows have no recipient_id\n  Next: leave those rows out, or give them an id"),
        (pa.nulls(2), "2 of 2 rows have no recipient_id\n  Next: leave those rows out, or give them an id"),
        (["a\0b"], "a recipient_id contains a NUL character\n  Next: clean the ids in the source"),
        (
            [1.0],
            "the column recipient_id holds double, and is read as text\n"
            "  Next: cast it to text in the source, so that nothing is rounded or re-formatted",
        ),
        (
            [date(2026, 1, 1)],
            "the column recipient_id holds date32[day], and is read as text\n"
            "  Next: cast it to text in the source, so that nothing is rounded or re-formatted",
        ),
    ],
)
def test_ids_that_are_none(ids: Any, message: str) -> None:
    """A row without an id is nobody: the segment is refused, and says how many there are."""
    with pytest.raises(DataError) as raised:
        prepared(recipient_id=ids)
    assert f"people.csv: {message}" == str(raised.value)
