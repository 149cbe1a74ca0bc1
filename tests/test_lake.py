"""The lake: a file is whole, has its readable name once the ledger knows it, and survives a crash between any two steps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import object_stores
from object_stores import Store
from outcamp.core.errors import BrokenPromise, DataError
from outcamp.core.places import source_of
from outcamp.store.datasets import SCHEMA_VERSION
from outcamp.store.lake import FileRef, Lake

TABLE = pa.table({"recipient_id": ["ada", "ben"], "reason": [None, "suppressed"]})
OTHER = pa.table({"recipient_id": ["cleo"], "reason": ["holdout"]})


@pytest.fixture(params=["folder", "s3", "gs"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    """An empty lake of each kind: what holds of a folder holds of a bucket."""
    if request.param == "folder":
        return Lake(tmp_path)
    store: Store = request.getfixturevalue(request.param)
    return Lake(store.bucket() / "lake")


def prepare(lake: Lake, table: pa.Table = TABLE, campaign: str = "spring", run: str = "20261201T150000Z", part: int = 0) -> FileRef:
    """One part of the verdicts under its pending name."""
    return lake.prepare("verdicts", campaign, run, part, [table])


def names(lake: Lake) -> list[str]:
    """The names of all files, hidden ones too."""
    if isinstance(lake.root, Path):
        return sorted(path.name for path in lake.root.rglob("*") if path.is_file())
    return sorted(name.rpartition("/")[2] for name in object_stores.names(lake.root))


def read_by_pandas(lake: Lake, **options: Any) -> pd.DataFrame:
    """What one line of pandas makes of all verdicts."""
    root = lake.root / "verdicts"
    return pd.read_parquet(root, **options) if isinstance(root, Path) else pd.read_parquet(root.key, filesystem=root.files, **options)


def seen_by_readers(lake: Lake) -> list[str]:
    """The recipients that one line of pandas finds."""
    return sorted(read_by_pandas(lake)["recipient_id"])


def test_what_the_ledger_must_say_of_a_file(lake: Lake) -> None:
    """Its path by campaign, run and part; its hash; its rows, and those of each row group."""
    ref = lake.prepare("batches", "spring", "20261201T150000Z", 12, [TABLE, OTHER], compression="lz4")
    assert "batches/campaign=spring/run=20261201T150000Z/part-00012.parquet" == ref.path
    assert (3, (2, 1), 64) == (ref.rows, ref.row_groups, len(ref.sha256))
    assert ref == FileRef(**ref.as_dict())


def test_a_file_is_hidden_until_it_is_published(lake: Lake) -> None:
    """Before, its name begins with a dot and ends in .pending; afterwards it is readable, and that name is gone."""
    ref = prepare(lake)
    assert [f".part-00000.{ref.sha256[:16]}.pending"] == names(lake)
    assert not lake.exists(ref)
    lake.publish(ref)
    assert ["part-00000.parquet"] == names(lake)
    assert lake.exists(ref)
    assert TABLE == lake.read(ref).replace_schema_metadata()


def test_readers_see_published_files_only(lake: Lake) -> None:
    """One line of pandas skips what is pending, and what a crash left half written."""
    lake.publish(prepare(lake))
    prepare(lake, OTHER)
    prepare(lake, OTHER, part=1)
    folder = lake.root / "verdicts/campaign=spring/run=20261201T150000Z"
    (folder / ".part-00002.1234567890abcdef.99-1.writing").write_bytes(b"PAR1 and no more")
    assert ["ada", "ben"] == seen_by_readers(lake)


def test_one_line_of_pandas_reads_all_campaigns_or_one(lake: Lake) -> None:
    """The folders are columns: campaign and run, by which a reader filters."""
    lake.publish(prepare(lake))
    lake.publish(prepare(lake, OTHER, campaign="summer", run="20261202T150000Z-1"))
    everything = read_by_pandas(lake).sort_values("recipient_id")
    assert ["spring", "spring", "summer"] == everything["campaign"].tolist()
    assert ["20261201T150000Z", "20261201T150000Z", "20261202T150000Z-1"] == everything["run"].tolist()
    assert ["cleo"] == read_by_pandas(lake, filters=[("campaign", "=", "summer")])["recipient_id"].tolist()


def test_a_file_says_which_schema_it_has(lake: Lake) -> None:
    """The dataset and the version of its schema travel in the file."""
    ref = prepare(lake)
    lake.publish(ref)
    with source_of(lake.root / ref.path) as source:
        assert f"verdicts/{SCHEMA_VERSION}".encode() == pq.read_schema(source).metadata[b"outcamp.schema"]


def test_a_batch_is_read_alone(lake: Lake) -> None:
    """A row group comes without the others."""
    ref = lake.prepare("batches", "spring", "r", 0, [TABLE, OTHER])
    lake.publish(ref)
    assert [{"recipient_id": "cleo", "reason": "holdout"}] == lake.read(ref, row_group=1).to_pylist()


def test_a_file_without_rows_keeps_its_columns(lake: Lake) -> None:
    """A part in which nobody is left is a file all the same."""
    ref = prepare(lake, TABLE.slice(0, 0))
    lake.publish(ref)
    assert (0, (0,)) == (ref.rows, ref.row_groups)
    assert TABLE.schema == lake.read(ref).replace_schema_metadata().schema


# A crash between any two steps, and the next try.


def test_a_crash_before_the_ledger_knows_leaves_nothing_for_readers(lake: Lake) -> None:
    """A pending file without a row is nobody's: the next try writes its own, and the old one goes."""
    prepare(lake, OTHER)
    ref = prepare(lake)
    lake.settle([ref], [ref])
    assert ["part-00000.parquet"] == names(lake)
    assert ["ada", "ben"] == seen_by_readers(lake)


def test_a_crash_before_the_rename_is_finished_by_whoever_finds_the_row(lake: Lake) -> None:
    """The next try has no file of its own, and only finishes the rename."""
    ref = prepare(lake)
    Lake(lake.root).settle([], [ref])
    assert ["ada", "ben"] == seen_by_readers(lake)


def test_publishing_again_changes_nothing(lake: Lake) -> None:
    """The file stays as it is, however often the rename is asked for."""
    ref = prepare(lake)
    for _ in range(3):
        lake.publish(ref)
    assert ["part-00000.parquet"] == names(lake)
    assert TABLE == lake.read(ref).replace_schema_metadata()


def test_two_tries_with_the_same_content_are_one_file(lake: Lake) -> None:
    """Both write the same pending name; whoever comes second finds the work done."""
    first, second = prepare(lake), prepare(lake)
    assert first == second
    lake.settle([first], [first])
    lake.settle([second], [first])
    assert ["part-00000.parquet"] == names(lake)


@pytest.mark.parametrize("loser_first", [True, False])
def test_of_two_tries_with_different_content_the_ledgers_one_stays(lake: Lake, loser_first: bool) -> None:
    """Whose row came first is published, whoever settles first; the other file goes."""
    winner, loser = prepare(lake), prepare(lake, OTHER)
    tries = [([winner], [winner]), ([loser], [winner])]
    for mine, committed in reversed(tries) if loser_first else tries:
        lake.settle(mine, committed)
    assert ["part-00000.parquet"] == names(lake)
    assert ["ada", "ben"] == seen_by_readers(lake)


def test_a_try_that_comes_after_the_rename_takes_only_its_own_away(lake: Lake) -> None:
    """A repeated try that wrote the same content again leaves the readable file alone."""
    ref = prepare(lake)
    lake.settle([ref], [ref])
    late = prepare(lake, OTHER)
    lake.settle([late], [ref])
    assert ["part-00000.parquet"] == names(lake)
    assert ["ada", "ben"] == seen_by_readers(lake)


def test_other_parts_are_left_alone(lake: Lake) -> None:
    """Publishing a part removes no pending file of another one."""
    ref, other = prepare(lake), prepare(lake, OTHER, part=1)
    lake.publish(ref)
    lake.publish(other)
    assert ["ada", "ben", "cleo"] == seen_by_readers(lake)


# What is missing or damaged.


def test_a_file_that_the_ledger_names_and_the_lake_lacks_stops_everything(lake: Lake) -> None:
    """Neither pending nor readable: nothing is decided again."""
    ref = replace(prepare(lake), sha256="0123456789abcdef" * 4)
    with pytest.raises(BrokenPromise) as raised:
        lake.publish(ref)
    assert (
        "the ledger names verdicts/campaign=spring/run=20261201T150000Z/part-00000.parquet (SHA-256 0123456789ab), "
        "and the lake does not have it\n"
        "  Next: restore the lake's folder from its backup; outcamp decides nothing twice"
    ) == str(raised.value)


def test_a_damaged_file_is_refused(lake: Lake) -> None:
    """What cannot be read is named, and what to do about it."""
    ref = prepare(lake)
    lake.publish(ref)
    file = lake.root / ref.path
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(DataError) as raised:
        lake.read(ref)
    message = str(raised.value)
    assert message.startswith("verdicts/campaign=spring/run=20261201T150000Z/part-00000.parquet cannot be read: ")
    assert message.endswith("\n  Next: compare its SHA-256 with the ledger's and restore it")
