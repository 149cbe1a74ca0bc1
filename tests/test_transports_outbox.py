"""The outbox: complete files under names that are written once, and text in which no cell runs."""

from __future__ import annotations

import csv
import errno
import os
import stat
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from outcamp.core.errors import Permanent
from outcamp.transports.outbox import OutboxTransport
from submissions import LATER, NOW, rows, said, statuses

ADA = {"endpoint": "+12025550143", "column.first_name": "Ada"}
NAME = "20261201T150000Z-0-1-0"


def written(folder: Path) -> list[str]:
    """Every file of the outbox, hidden ones too."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def cells(folder: Path, *people: dict[str, Any]) -> list[dict[str, str]]:
    """What a spreadsheet reads of these people's rows."""
    OutboxTransport(folder, "spring", "csv").submit(rows(*people, channel="sms"), NOW)
    with (folder / f"campaign=spring/{NAME}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_chunk_is_a_file(tmp_path: Path) -> None:
    """It holds what a dialler needs, and nothing of ours; the answer names it."""
    answers = OutboxTransport(tmp_path, "spring").submit(rows(ADA, channel="sms"), NOW)
    assert [f"campaign=spring/{NAME}.parquet"] == written(tmp_path)
    assert [f"{NAME}.parquet"] == answers["message_id"].to_pylist()
    assert [
        {
            "reference": "spring/0/1/p0",
            "recipient_id": "p0",
            "endpoint": "+12025550143",
            "channel": "sms",
            "attempt": 1,
            "valid_until": LATER,
            "content.body": "Hello you",
            "column.first_name": "Ada",
        }
    ] == pq.read_table(tmp_path / f"campaign=spring/{NAME}.parquet", partitioning=None).to_pylist()


def test_a_csv_says_the_same(tmp_path: Path) -> None:
    """Instants are in UTC, and what is missing is empty."""
    (row,) = cells(tmp_path, ADA | {"column.city": None, "column.rate": 1.5})
    assert ("+12025550143", "2026-12-01T18:00:00Z", "1", "", "1.5") == tuple(
        row[name] for name in ("endpoint", "valid_until", "attempt", "column.city", "column.rate")
    )


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd|' /C calc'!A0", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", '=HYPERLINK("http://x")']
)
def test_a_cell_that_a_spreadsheet_would_run_is_text(tmp_path: Path, text: str) -> None:
    """It begins with an apostrophe then, wherever it came from."""
    (row,) = cells(tmp_path, ADA | {"recipient_id": text, "body": text, "column.first_name": text})
    assert ["'" + text] * 3 == [row[name] for name in ("recipient_id", "content.body", "column.first_name")]


@pytest.mark.parametrize("text", ["+12025550143", "-5", "-1,5", "a=1", 'quote " comma , line\nend', "Zoë"])
def test_other_cells_stay_as_they_are(tmp_path: Path, text: str) -> None:
    """A number may have its sign, and text may hold anything."""
    (row,) = cells(tmp_path, ADA | {"column.first_name": text})
    assert text == row["column.first_name"]


def test_columns_of_any_type_are_text_in_a_csv(tmp_path: Path) -> None:
    """Nested values are written out."""
    (row,) = cells(tmp_path, ADA | {"column.tags": ["=a", "b"]})
    assert "['=a', 'b']" == row["column.tags"]


@pytest.mark.parametrize("name", [NAME, "20261201T150000Z-0-7-3"])
def test_a_file_that_was_cut_short_goes(tmp_path: Path, name: str) -> None:
    """What a crash left has a hidden name, and the next try of its batch takes it away."""
    (tmp_path / "campaign=spring").mkdir()
    (tmp_path / f"campaign=spring/.{name}.parquet.pending").write_bytes(b"PAR1")
    assert ["accepted"] == statuses(OutboxTransport(tmp_path, "spring").submit(rows(ADA, channel="sms"), NOW))
    assert [f"campaign=spring/{NAME}.parquet"] == written(tmp_path)


def test_a_name_is_never_given_to_other_rows(tmp_path: Path) -> None:
    """Two deployments with one outbox would overwrite each other's calls."""
    transport = OutboxTransport(tmp_path, "spring")
    transport.submit(rows(ADA, channel="sms"), NOW)
    before = (tmp_path / f"campaign=spring/{NAME}.parquet").read_bytes()
    with pytest.raises(Permanent) as raised:
        transport.submit(rows(ADA, ADA, channel="sms"), NOW)
    assert (
        f"The outbox has {tmp_path}/campaign=spring/{NAME}.parquet already, with other rows in it.\n"
        "  Next: Give each deployment an outbox of its own, and keep the ledger that goes with it."
    ) == str(raised.value)
    assert before == (tmp_path / f"campaign=spring/{NAME}.parquet").read_bytes()


# What fails before a file has its name, and what fails afterwards.


def failing(monkeypatch: pytest.MonkeyPatch, name: str, error: OSError, *, after: bool = False, of_folders: bool = False) -> None:
    """Let a function of the operating system fail, before or after its work; or for folders only."""
    real = getattr(os, name)

    def fails(first: Any, *more: Any, **settings: Any) -> Any:
        if of_folders and not (first.is_dir() if isinstance(first, Path) else stat.S_ISDIR(os.fstat(first).st_mode)):
            return real(first, *more, **settings)
        if after:
            real(first, *more, **settings)
        raise error

    monkeypatch.setattr(os, name, fails)


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_file_without_its_name_went_to_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """Its rows wait, and nobody can have taken it."""
    failing(monkeypatch, call, FULL)
    answers = OutboxTransport(tmp_path, "spring").submit(rows(ADA, channel="sms"), NOW)
    assert ([("throttled", None)], [f"campaign=spring/.{NAME}.parquet.pending"]) == (said(answers), written(tmp_path))


def test_another_wave_s_file_is_left_alone(tmp_path: Path) -> None:
    """A wave's name may begin like a batch of another one's, which is writing beside it."""
    (tmp_path / "campaign=spring").mkdir()
    others = [".20261201T150000Z-0-1-1-0.parquet.pending", ".20261201T150000Z-10-1-0.parquet.pending"]
    for other in others:
        (tmp_path / "campaign=spring" / other).write_bytes(b"PAR1")
    OutboxTransport(tmp_path, "spring").submit(rows(ADA, channel="sms"), NOW)
    assert sorted(f"campaign=spring/{name}" for name in [*others, f"{NAME}.parquet"]) == written(tmp_path)


def test_a_file_in_a_folder_that_cannot_be_read_went(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A drop folder may be written to and not read; whoever takes the file calls all the same."""
    folder, uid = tmp_path / "drop" / "campaign=spring", os.geteuid()
    folder.mkdir(parents=True)
    folder.chmod(0o333)
    for above in folder.parents:
        if not above.stat().st_mode & 0o001:  # pytest's own folders let nobody else through
            above.chmod(above.stat().st_mode | 0o111)
    if uid == 0:
        os.seteuid(65534)  # root may read everything, nobody may not
    try:
        answers = OutboxTransport(tmp_path / "drop", "spring").submit(rows(ADA, channel="sms"), NOW)
    finally:
        os.seteuid(uid)
        folder.chmod(0o777)
    assert ([("accepted", None)], [f"drop/campaign=spring/{NAME}.parquet"]) == (said(answers), written(tmp_path))
    assert [f"The name of {folder}/{NAME}.parquet may not outlive a power cut: Permission denied"] == caplog.messages


@pytest.mark.parametrize("call", ["open", "fsync"])
@pytest.mark.parametrize("code", [errno.EINVAL, errno.EIO])
def test_a_file_that_has_its_name_went(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, call: str, code: int
) -> None:
    """Folders of some mounts cannot be synced: whoever takes the file calls all the same."""
    failing(monkeypatch, call, OSError(code, "No."), of_folders=True)
    answers = OutboxTransport(tmp_path, "spring").submit(rows(ADA, channel="sms"), NOW)
    assert ([("accepted", None)], [f"campaign=spring/{NAME}.parquet"]) == (said(answers), written(tmp_path))
    assert [f"The name of {tmp_path}/campaign=spring/{NAME}.parquet may not outlive a power cut: No."] == caplog.messages


def test_a_name_that_was_given_in_spite_of_an_error_is_in_doubt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over a network the answer to a rename may get lost."""
    failing(monkeypatch, "replace", OSError(errno.EIO, "Input/output error"), after=True)
    answers = OutboxTransport(tmp_path, "spring").submit(rows(ADA, channel="sms"), NOW)
    assert ([("unknown", None)], [f"campaign=spring/{NAME}.parquet"]) == (said(answers), written(tmp_path))
