"""docs/datasets.md and docs/ledger.md say what is really written: columns, types, keys and tables."""

from __future__ import annotations

import re
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drafts import HEAD
from outcamp.steps.feed_back import feed_back
from outcamp.steps.report import write_report
from outcamp.steps.simulate import simulate
from outcamp.store.datasets import ATTEMPTS, BATCH_KEYS, DISPOSITIONS, ENTRIES, INSTANT, RESULTS, VERDICTS
from small_world import NOW, PEOPLE, RUN, make_world

DOCS = Path(__file__).parents[1] / "docs"
DATASETS = (DOCS / "datasets.md").read_text(encoding="utf-8")
LEDGER = (DOCS / "ledger.md").read_text(encoding="utf-8")
TYPES = {"text": pa.string(), "instant": INSTANT, "int16": pa.int16(), "int32": pa.int32(), "int64": pa.int64(), "bool": pa.bool_()}


def table_under(text: str, heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its two lines of heading."""
    rows = re.search(rf"^#+ {heading}\n.*?\n?(\|.+?)(?:\n\n|\Z)", text, re.MULTILINE | re.DOTALL).group(1).splitlines()[2:]
    return [[cell.strip(" `") for cell in row.strip("|").split("|")] for row in rows]


def schema_under(heading: str) -> pa.Schema:
    """The schema that a table of datasets.md describes."""
    return pa.schema([(name, TYPES[kind]) for name, kind, _ in table_under(DATASETS, heading)])


DOCUMENTED = {
    "verdicts": VERDICTS,
    "batches": BATCH_KEYS,
    "results": RESULTS,
    "dispositions": DISPOSITIONS,
    "entries": ENTRIES,
    "attempts": ATTEMPTS,
}


@pytest.mark.parametrize(("heading", "schema"), DOCUMENTED.items())
def test_a_dataset_has_the_columns_that_are_documented(heading: str, schema: pa.Schema) -> None:
    """Names, order and types are the same."""
    assert schema == schema_under(heading)


def test_the_lake_holds_what_is_documented(database_uri: str, tmp_path: Path) -> None:
    """After its report, a wave's files have the documented columns: the segment's stand beside those of a snapshot."""
    with ExitStack() as stack:
        world = make_world(stack, database_uri, tmp_path)
        world.batches()
        report = write_report(world.engine, RUN, feed_back(world.engine, RUN, NOW))
    schemas = {path.relative_to(tmp_path).parts[0]: pq.read_schema(path).remove_metadata() for path in tmp_path.rglob("*.parquet")}
    written = ["batches", "dispositions", "entries", "results", "verdicts"]
    assert [*written, "snapshots"] == sorted(schemas, key=lambda name: (name == "snapshots", name))
    assert [schema_under(name) for name in written] == [schemas[name] for name in written]
    snapshot = schema_under("snapshots")
    assert {"phone", *snapshot.names} == set(schemas["snapshots"].names)
    assert snapshot == pa.schema([schemas["snapshots"].field(name) for name in snapshot.names])
    assert [key for key, _ in table_under(DATASETS, "reports")] == list(report)


def test_the_summary_has_the_keys_that_are_documented(postgres_uri: str) -> None:
    """Keys and their order are the same."""
    people = pa.Table.from_pylist(PEOPLE)
    found = simulate(HEAD, "spring.yaml", people, None, None, None, NOW, None, timedelta(minutes=1), postgres=postgres_uri)
    assert [key for key, _ in table_under(DATASETS, "summary")] == list(found.summary)


def test_every_table_of_the_ledger_is_documented(database_uri: str, tmp_path: Path) -> None:
    """The tables of the migrations are those of the document, no more and no fewer."""
    with ExitStack() as stack:
        make_world(stack, database_uri, tmp_path)
        with psycopg.connect(database_uri) as connection:
            tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'outcamp'").fetchall()
    assert sorted(name for (name,) in tables) == sorted(name for name, _ in table_under(LEDGER, "Tables"))
