"""What a file of outcomes says, row by row, and that nothing of a row that cannot be read is lost."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from outcamp.core.errors import DataError
from outcamp.core.references import reference_of
from outcamp.segments import written_rows
from outcamp.segments.outcome_files import stream
from outcamp.transports.base import REFERENCE
from outcamp.transports.mail import wire_form

AT = "2026-12-01T15:01:00Z"
# What Postgres and a header may hold, without blanks at its ends: what has some comes as something else from the file.
letters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
ids = st.text(letters, min_size=1, max_size=40).filter(lambda text: text == text.strip())


def read(path: Path) -> list[dict[str, Any]]:
    return [row for table in stream(path) for row in table.to_pylist()]


def parquet(folder: Path, columns: dict[str, Any]) -> Path:
    path = folder / "outcomes.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def of_one(folder: Path, **columns: Any) -> dict[str, Any]:
    """Read a file of one row, which is delivered at a good instant unless it says something else."""
    (row,) = read(parquet(folder, {name: [said] for name, said in ({"disposition": "delivered", "disposed_at": AT} | columns).items()}))
    return row


@given(recipient_id=ids, occurrence=st.integers(0, 999_999_999), attempt=st.integers(1, 9_999))
@example(recipient_id="a/b/2/c\nd", occurrence=12_345, attempt=1)
@example(recipient_id="100%41", occurrence=0, attempt=1)
def test_a_reference_leads_back_to_its_attempt(
    tmp_path_factory: pytest.TempPathFactory, recipient_id: str, occurrence: int, attempt: int
) -> None:
    """Whatever the id holds, the reference and the Message-ID of the e-mail name the same attempt as its parts."""
    folder, reference = tmp_path_factory.mktemp("read"), reference_of("spring", occurrence, attempt, recipient_id)
    parts = {"campaign": "spring", "occurrence": occurrence, "attempt": attempt, "recipient_id": recipient_id}
    row = {"endpoint": "ada@example.com", "content.subject": "Hi", "content.body": "Hi", REFERENCE: reference}
    message_id, _ = wire_form(row, "news@acme.example", "acme.example", datetime(2026, 12, 1, tzinfo=UTC))
    assert parts == {name: of_one(folder, reference=reference)[name] for name in parts}
    # A long one is a hash, which leads nowhere.
    assert [parts, dict.fromkeys(parts)]["/" not in message_id] == {name: of_one(folder, message_id=message_id)[name] for name in parts}
    assert parts == {name: of_one(folder, message_id="<m1@provider.example>", **parts)[name] for name in parts}


@pytest.mark.parametrize(
    ("row", "unreadable"),
    [
        ({"reference": "spring/0/1/ada"}, None),
        ({"reference": "spring/x/1/ada"}, "reference=spring/x/1/ada"),
        ({"reference": "spring", "campaign": "spring", "recipient_id": "ada", "attempt": "1"}, "reference=spring"),
        ({"message_id": "<m1@provider.example>"}, "message_id=<m1@provider.example>"),
        ({"message_id": "m1"}, "message_id=m1"),
        ({"message_id": "<spring/0/1/a%00b@acme.example>"}, None),
        ({"campaign": "spring", "recipient_id": "ada", "attempt": "one"}, "attempt=one"),
        ({"campaign": "spring", "recipient_id": "ada", "attempt": "40000"}, "attempt=40000"),
        ({"reference": "spring/12345678901/1/ada"}, "occurrence=12345678901"),
        ({"campaign": "spring", "recipient_id": "ada", "attempt": ""}, "attempt is missing"),
        ({"reference": "spring/0/1/ada", "disposed_at": "2026-12-01T15:01"}, "disposed_at=2026-12-01T15:01"),
        ({"reference": "spring/0/1/ada", "disposed_at": "2026-02-30T15:01Z"}, "disposed_at=2026-02-30T15:01Z"),
        ({"reference": "spring/0/1/ada", "disposed_at": "2026-12-01T15:01+99:99"}, "disposed_at=2026-12-01T15:01+99:99"),
        ({"reference": "spring/0/1/ada", "disposed_at": "9999-12-31T23:59:59Z"}, None),
        ({"reference": "spring/0/1/ada", "disposed_at": "9999-12-31T23:59:59-10:00"}, "disposed_at=9999-12-31T23:59:59-10:00"),
        ({"reference": "spring/0/1/ada", "disposed_at": "0001-01-01T00:00:00Z"}, None),
        ({"reference": "spring/0/1/ada", "disposed_at": "0001-01-01T00:00:00+14:00"}, "disposed_at=0001-01-01T00:00:00+14:00"),
        ({"reference": "spring/0/1/ada", "disposed_at": "0000-01-01T00:00:00Z"}, "disposed_at=0000-01-01T00:00:00Z"),
        ({"reference": "spring/0/1/ada", "disposition": " "}, "disposition is missing"),
    ],
)
def test_what_cannot_be_read_is_told_by_row(tmp_path: Path, row: dict[str, Any], unreadable: str | None) -> None:
    """The reason names the column and its word, and everything that the row says is kept."""
    found = of_one(tmp_path, **row)
    assert unreadable == found["unreadable"]
    said = {name: word for name, word in ({"disposition": "delivered", "disposed_at": AT} | row).items() if word.strip()}
    assert (None if unreadable is None else said) == (found["written"] and json.loads(found["written"]))


def test_what_pandas_writes_is_read(tmp_path: Path) -> None:
    """Numbers beside nothing become fractions in pandas, and instants have nanoseconds."""
    at = pa.array([1_796_137_260_123_456_789], pa.timestamp("ns", tz="Europe/Paris"))
    (row,) = read(
        parquet(
            tmp_path,
            {"campaign": ["spring"], "recipient_id": ["ada"], "attempt": [1.0], "disposition": ["delivered"], "disposed_at": at},
        )
    )
    assert (None, 1, datetime(2026, 12, 1, 15, 1, 0, 123456, UTC)) == (row["unreadable"], row["attempt"], row["disposed_at"])


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("o.jsonl", b'{"recipient_id": "\xff"}\n', "the column recipient_id holds no text: Invalid UTF8 sequence"),
        ("o.jsonl", b"[1, 2]\n", "these are no JSON lines: JSON parse error: Column() changed from object to array in row 0"),
        ("o.jsonl", b"null", "these are no JSON lines: null at byte 1"),
        ("o.jsonl", b"{}\r \tnull\n{}", "these are no JSON lines: null at byte 3"),
        ("o.jsonl", b'{"attempt": 1.5}\n', "write one object a line: ids and times as text, attempt and occurrence as numbers"),
        ("o.csv", b"reference,reference,disposition,disposed_at\n", "the column 'reference' stands twice"),
        ("o.csv", b"reference,disposition,disposed_at\n\xff,delivered,x\n", "the file is cut short or damaged"),
        ("o.parquet", b"PAR1", "the file is cut short or damaged"),
        ("o.csv", b"", "the file is empty"),
        ("o.xlsx", b"", "neither Parquet nor CSV by its name"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    """By a message that says what is wrong with it."""
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=r"\n  Next: ") as refusal:
        read(tmp_path / name)
    assert message in str(refusal.value)


def test_a_parquet_column_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Lists and bytes are no ids, nor is text that somebody damaged."""
    for column in ([["ada"]], pa.array([b"\xff"]), pa.array([b"\xff"]).view(pa.string())):
        columns = {"campaign": ["spring"], "recipient_id": column, "attempt": [1], "disposition": ["delivered"], "disposed_at": [AT]}
        with pytest.raises(DataError) as refusal:
            read(parquet(tmp_path, columns))
        assert "the column recipient_id holds no text" in str(refusal.value)
        assert str(refusal.value).endswith("Next: write ids, codes and times as text, or times as timestamps with a zone")


@given(data=st.binary(max_size=60) | st.text(max_size=60).map(str.encode), ending=st.sampled_from(written_rows.ENDINGS))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes, ending: str) -> None:
    """No file can stop the pulse by what is in it."""
    path = tmp_path_factory.mktemp("read") / f"o{ending}"
    path.write_bytes(b"reference,disposition,disposed_at\n" + data if ending == ".csv" else data)
    with suppress(DataError):
        read(path)
