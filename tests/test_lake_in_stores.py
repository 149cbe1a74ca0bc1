"""A lake in an object store: a whole campaign ends as it does over a folder, in the same files, wherever its steps are killed."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from object_stores import Store, names
from outcamp.core.errors import BrokenPromise, SourceUnavailable, StorageRefused
from outcamp.core.places import Address, Place
from outcamp.core.run_key import run_key
from outcamp.steps.audit import audit
from outcamp.steps.campaign_page import campaign_page, wave_page
from outcamp.steps.erase import erase
from outcamp.steps.explain import explain
from outcamp.steps.feed_back import feed_back
from outcamp.steps.report import write_report
from outcamp.steps.send import send
from outcamp.store.embedded import throw_away_database
from outcamp.store.lake import FileRef, Lake
from outcamp.store.object_stores import Account, open_address
from outcamp.store.outcomes import Followed
from outcome_world import killed
from small_world import ADA, BEN, NOW, RUN, World, make_world

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
MORE = """\
reattempts: [{when: [blocked], channel: sms, wait: 10 minutes}]
schedule: {start: 2026-12-01 15:00, time_zone: UTC, expires: 2026-12-03 16:00, repeat: daily}
"""
PEOPLE = [{"recipient_id": name, "phone": phone, "first_name": name.title()} for name, phone in (("ada", ADA), ("ben", BEN), ("cleo", "1"))]
OUTCOMES = [{"recipient_id": "ada", "attempt": 1, "channel": "sms", "disposition": "blocked", "after": 60}]
DATASETS = ("snapshots", "verdicts", "batches", "results", "dispositions", "entries")
LATER = NOW + 11 * MINUTE
SECOND = run_key(LATER, 1)
TABLE = pa.table({"recipient_id": ["ada", "ben"], "reason": [None, "suppressed"]})
OTHER = pa.table({"recipient_id": ["cleo"], "reason": ["holdout"]})
OF_A_TRY, OF_A_WAVE = 7, 397  # they die at some of their calls, because each costs a try, or a campaign, over HTTP


def world_at(stack: ExitStack, uri: str, root: Any) -> World:
    """A campaign whose lake lies there."""
    return make_world(stack, uri, root, MORE, people=PEOPLE, outcomes=OUTCOMES)


def run(world: World) -> list[dict[str, Any]]:
    """The first wave, and the one of what became due; what they reported."""
    engine, reports = world.engine, []
    for batches, key, at in ((world.batches, RUN, NOW), (lambda: world.due(LATER), SECOND, LATER)):
        for batch in batches():
            send(engine, key, batch.batch, lambda at=at: at)
        reports.append(write_report(engine, key, feed_back(engine, key, at)))
    return reports


def by_pandas(root: Place, dataset: str) -> list[dict[str, Any]]:
    """What one line of pandas reads of a dataset, its partitions included."""
    place = root / dataset
    frame = pd.read_parquet(place) if isinstance(place, Path) else pd.read_parquet(place.key, filesystem=place.files)
    return sorted(frame.astype(str).to_dict("records"), key=str)


@pytest.fixture
def worlds(postgres_uri: str, database_uri: str, s3: Store, tmp_path: Path) -> Iterator[tuple[World, World]]:
    """The same campaign over a folder, and over a bucket."""
    with ExitStack() as stack:
        other = stack.enter_context(throw_away_database(postgres_uri, "lake_in_a_folder"))
        yield world_at(stack, other, tmp_path), world_at(stack, database_uri, s3.bucket() / "lake")


def test_a_campaign_ends_as_it_does_over_a_folder(worlds: tuple[World, World]) -> None:
    """Its files have the same names and rows, its reports say the same, and nothing but finished files is left."""
    (folder, bucket), reports = worlds, [run(world) for world in worlds]
    roots: list[Any] = [world.engine.lake.root for world in worlds]
    assert [str(root / "verdicts" / "campaign=spring" / f"run={RUN}") for root in roots] == [said[0].pop("verdicts") for said in reports]
    assert [str(root / "verdicts" / "campaign=spring" / f"run={SECOND}") for root in roots] == [said[1].pop("verdicts") for said in reports]
    assert reports[0] == reports[1]
    for dataset in DATASETS:
        assert by_pandas(roots[0], dataset) == by_pandas(roots[1], dataset)
    assert sorted(str(path.relative_to(roots[0])) for path in roots[0].rglob("*") if path.is_file()) == names(roots[1])
    assert json.loads((roots[0] / "reports/campaign=spring" / f"run={RUN}.json").read_bytes()) | {"verdicts": ""} == json.loads(
        (roots[1] / "reports/campaign=spring" / f"run={RUN}.json").read_bytes()
    ) | {"verdicts": ""}
    assert folder.attempts() == bucket.attempts()


def test_what_is_read_of_it_is_the_same(worlds: tuple[World, World]) -> None:
    """The audit finds nothing, the story of a recipient is the same, and the pages name addresses."""
    stories = []
    for world in worlds:
        run(world)
        engine = world.engine
        assert () == audit(engine.ledger, engine.lake, {"spring": engine.manifest}, NOW + DAY).breaches
        stories.append([event.text for event in explain(engine.ledger, engine.lake, engine.manifest, "ada", NOW + DAY).events])
    assert stories[0] == stories[1]
    engine = worlds[1].engine
    page = campaign_page(engine.ledger, engine.lake.root, engine.manifest, LATER, paused=False)
    assert set(DATASETS) - {"batches"} == {dataset.name for dataset in page.datasets}
    (verdicts,) = (one for one in wave_page(engine.ledger, engine.lake.root, "spring", RUN).datasets if one.name == "verdicts")
    assert f"{engine.lake.root}/verdicts/campaign=spring/run={RUN}" == verdicts.path
    assert verdicts.pandas.startswith(f'pd.read_parquet("{engine.lake.root}/verdicts", filters=[("campaign", "=", "spring"), ')


def test_an_audit_sees_what_is_wrong_with_an_object(worlds: tuple[World, World]) -> None:
    """One that is missing, and one that is another."""
    engine = worlds[1].engine
    run(worlds[1])

    def found() -> list[str]:
        return [row for breach in audit(engine.ledger, engine.lake, {"spring": engine.manifest}, NOW + DAY).breaches for row in breach.rows]

    path = engine.lake.root / f"verdicts/campaign=spring/run={RUN}/part-00000.parquet"
    path.write_bytes(b"no Parquet at all")
    assert f"verdicts/campaign=spring/run={RUN}/part-00000.parquet is not the file that the ledger names" in found()[0]
    path.unlink()
    assert [f"verdicts/campaign=spring/run={RUN}/part-00000.parquet is missing"] == found()


def test_a_person_is_erased_from_a_bucket(worlds: tuple[World, World]) -> None:
    """No object holds them, hidden ones included, and every sum is as before."""
    world = worlds[1]
    run(world)
    engine, root = world.engine, world.engine.lake.root
    rows = {dataset: len(by_pandas(root, dataset)) for dataset in ("snapshots", "verdicts", "batches")}
    erase(engine.ledger, engine.lake, "ada", LATER + MINUTE, {"spring": engine.manifest})
    assert rows == {dataset: len(by_pandas(root, dataset)) for dataset in rows}
    for dataset in DATASETS:
        assert not [row for row in by_pandas(root, dataset) if {"ada", ADA} & set(row.values())]
    assert [] == [name for name in names(root) if "/." in name]
    assert () == audit(engine.ledger, engine.lake, {"spring": engine.manifest}, NOW + DAY).breaches


# A crash between any two steps, and the next try.


def one_try(lake: Lake, books: list[FileRef], table: pa.Table) -> None:
    """Prepare a file, commit its row unless another try's row is there, and settle."""
    ref = lake.prepare("verdicts", "spring", RUN, 0, [table])
    books[:] = books or [ref]
    lake.settle([ref], books)


def test_a_try_may_be_killed_at_any_call(s3: Store) -> None:
    """Wherever it dies, the next one, which decides otherwise, leaves the one file that the books name."""
    bucket = s3.bucket()
    for number in itertools.count(1, OF_A_TRY):
        lake, books = Lake(bucket / f"lake-{number}"), []
        died = killed(number, lambda lake=lake, books=books: one_try(lake, books, TABLE))
        expected = TABLE if books else OTHER
        one_try(lake, books, OTHER)
        assert expected == lake.read(books[0]).replace_schema_metadata()
        assert ["part-00000.parquet"] == [path.rpartition("/")[2] for path in names(lake.root) if not path.endswith(".writing")]
        if not died:
            break
    assert number > 200


def test_two_tries_that_write_the_same_file_leave_one(s3: Store) -> None:
    """One dies while it writes what the other has committed: the name of the other's file never stands for a part of it."""
    bucket = s3.bucket()
    for number in itertools.count(1, OF_A_TRY):
        lake, books = Lake(bucket / f"lake-{number}"), []
        books.append(lake.prepare("verdicts", "spring", RUN, 0, [TABLE]))
        died = killed(number, lambda lake=lake: lake.prepare("verdicts", "spring", RUN, 0, [TABLE]))
        lake.settle([], books)
        assert TABLE == lake.read(books[0]).replace_schema_metadata()
        if not died:
            break


def test_a_wave_may_be_killed_at_any_call(postgres_uri: str, s3: Store) -> None:
    """The segment, the verdicts and the batches are written in the end as if nothing had happened."""
    bucket, expected, number = s3.bucket(), [("ada", 1, "claimed"), ("ben", 1, "claimed")], 1
    while True:
        with ExitStack() as stack:
            uri = stack.enter_context(throw_away_database(postgres_uri, f"killed_{number}"))
            world = world_at(stack, uri, bucket / f"lake-{number}")
            died = killed(number, world.batches)
            world.batches()
            engine, root = world.engine, world.engine.lake.root
            assert (number, expected) == (number, world.attempts())
            assert 3 == len(by_pandas(root, "snapshots")) == len(by_pandas(root, "verdicts"))
            assert ["ada", "ben"] == [row["recipient_id"] for row in by_pandas(root, "batches")]
            assert () == audit(engine.ledger, engine.lake, {"spring": engine.manifest}, NOW + MINUTE).breaches
        if not died:
            break
        number += OF_A_WAVE
    assert number > 500


# A store that is away, or refuses.


def test_a_store_that_is_away_decides_nothing(database_uri: str) -> None:
    """The step is Transient, and no verdict stands in the books."""
    account = Account(key_id="k", secret="s", region="us-east-1", endpoint_url="http://127.0.0.1:1")
    with ExitStack() as stack:
        world = world_at(stack, database_uri, open_address(Address("s3", "lake"), account))
        with pytest.raises(SourceUnavailable):
            world.snapshot()
        assert [(0,)] == world.rows("SELECT count(*) FROM outcamp.parts")


def test_a_lake_without_its_bucket_is_refused(database_uri: str, store: Store) -> None:
    """A misspelt OUTCAMP_STORE fails the first step for good."""
    with ExitStack() as stack:
        world = world_at(stack, database_uri, open_address(Address(store.scheme, "nobodys-lake"), store.account))
        with pytest.raises(StorageRefused):
            world.snapshot()


def test_a_file_that_the_bucket_has_lost_stops_everything(s3: Store) -> None:
    """Neither pending nor readable: nothing is decided again."""
    lake = Lake(s3.bucket())
    ref = lake.prepare("verdicts", "spring", RUN, 0, [TABLE])
    lake.publish(ref)
    (lake.root / ref.path).unlink()
    with pytest.raises(BrokenPromise):
        lake.publish(ref)


def test_a_lake_may_be_a_whole_bucket(database_uri: str, s3: Store) -> None:
    """Without a prefix, the datasets lie at its top."""
    with ExitStack() as stack:
        world = world_at(stack, database_uri, s3.bucket())
        world.filtered()
        write_report(world.engine, RUN, Followed(0, 0, 0))
        assert {"snapshots", "verdicts", "batches", "reports"} <= {name.partition("/")[0] for name in names(world.engine.lake.root)}
