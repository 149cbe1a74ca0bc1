"""One recipient has one id at every door: spaces around it, as a column of fixed width pads it with, are no part of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest

from drafts import HEAD, campaign
from outcamp.core.errors import DataError
from outcamp.core.manifest import seal_manifest
from outcamp.segments import pushed_files
from outcamp.segments.columns import prepare
from outcamp.segments.source import PublishedSegment
from outcamp.steps.simulation_input import history_of, script_of, segment_of, suppressions_of
from outcamp.steps.suppress import Who, add, import_list
from outcamp.store.ledger import Ledger

NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)


def test_a_padded_column_and_its_exclusion_hold_the_plain_ids(postgres_uri: str) -> None:
    """Outcomes come back with the plain id, and an exclusion may write it in another width."""
    draft = campaign(head=HEAD.replace("{file: people.csv}", "{sql: all.sql, exclude: [out.sql]}"))
    sql = {"all.sql": "SELECT 'ada'::char(8) AS recipient_id", "out.sql": "SELECT ' ada'::char(6) AS id"}
    segment = PublishedSegment(seal_manifest(draft, NOW, sql, {}), Path, lambda _: psycopg.connect(postgres_uri))
    assert [["ada"], ["ada"]] == [
        segment.excluded().to_pylist(),
        [one for rows in segment.read(0) for one in rows["recipient_id"].to_pylist()],
    ]


def test_an_id_of_spaces_is_none() -> None:
    """It is refused as a missing one is."""
    batch = pa.table({"recipient_id": ["ada", "\t "]})
    with pytest.raises(DataError) as raised:
        prepare(batch, ["recipient_id"], frozenset({"recipient_id"}), "people.csv")
    assert "people.csv: 1 of 2 rows have no recipient_id\n  Next: leave those rows out, or give them an id" == str(raised.value)


@pytest.mark.parametrize(("name", "text"), [("push.csv", "recipient_id\n ada \n"), ("push.jsonl", '{"recipient_id": " ada "}\n')])
def test_a_push_holds_the_plain_ids(tmp_path: Path, name: str, text: str) -> None:
    """However it is written."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert ["ada"] == pushed_files.read(tmp_path / name).table["recipient_id"].to_pylist()


def test_the_do_not_contact_list_holds_the_plain_ids(database_uri: str) -> None:
    """Whether somebody was added by hand or by a list."""
    ledger = Ledger.at(database_uri)
    ledger.migrate()
    import_list(ledger, "list.csv", lambda: pa.table({"recipient_id": [" ada "]}).to_batches(), "imported", lambda: NOW, skip_bad=False)
    assert [False, False] == [add(ledger, Who.of(one, None), None, "called us", NOW) for one in ("ada", "ada ")]
    ledger.close()


def test_a_simulation_reads_the_plain_ids() -> None:
    """In each of its files."""
    rows = {
        "recipients": next(segment_of(pa.table({"recipient_id": ["ada  "], "phone": ["1"]}), campaign()).read(0)),
        "outcomes": script_of(
            pa.table({"recipient_id": ["ada  "], "attempt": [1], "channel": ["sms"], "disposition": ["blocked"], "after": [1]})
        ),
        "history": history_of(pa.table({"recipient_id": ["ada  "], "campaign": ["x"], "contacted_at": [NOW], "active": [True]})),
        "suppressions": suppressions_of(pa.table({"recipient_id": ["ada  "]})),
    }
    assert {("ada",)} == {tuple(table["recipient_id"].to_pylist()) for table in rows.values()}
