"""The do-not-contact list: who is on it is not contacted, from the moment that somebody was put there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drafts import HEAD, make_project
from outcamp.cli.main import main
from outcamp.core.errors import DataError, UsageError
from outcamp.segments import files
from outcamp.steps.send import Sent, send
from outcamp.steps.simulation_input import script_of
from outcamp.steps.suppress import Imported, Who, add, import_list, remove
from outcamp.transports.base import Capabilities
from small_world import ADA, NOW, RUN, Outbox, World, make_world

EMAIL = """\
name: spring
segment: {file: people.csv}
channel: email
channels: {email: {body: Hello, subject: Hello, sender: a@example.com}}
"""


@pytest.fixture
def world(database_uri: str, tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes small campaigns in one ledger and one lake."""
    with ExitStack() as stack:
        yield lambda *more, **settings: make_world(stack, database_uri, tmp_path, *more, **settings)


def verdicts(world: World) -> list[tuple[str, int]]:
    return [(f"{verdict} {reason}".strip(), count) for part in world.filtered() for verdict, reason, count in part.funnel]


@pytest.mark.parametrize(
    "who", [("ada", None, None), (None, ADA, None), (None, "(202) 555-0143", "us")], ids=["recipient", "international", "national"]
)
def test_whoever_was_added_is_not_sent_to(world: Callable[..., World], who: tuple[str | None, ...]) -> None:
    """By id, or by number as it is dialled from anywhere or in its country; a second time changes nothing."""
    here = world()
    assert add(here.engine.ledger, Who.of(*who), None, "called us", NOW)
    assert not add(here.engine.ledger, Who.of(*who), None, "called again", NOW)
    assert [("drop suppressed", 1), ("send", 1)] == verdicts(here)
    assert [("called us",)] == here.rows("SELECT reason FROM outcamp.suppressions")


def test_an_address_is_met_as_the_filter_writes_it(world: Callable[..., World]) -> None:
    """The domain in any case is the same address."""
    here = world(head=EMAIL, people=[{"recipient_id": "ada", "email": "Ada@Example.COM"}])
    add(here.engine.ledger, Who.of(None, "Ada@eXample.com"), "email", "unsubscribed", NOW)
    assert [("drop suppressed", 1)] == verdicts(here)


def test_another_channel_is_not_suppressed(world: Callable[..., World]) -> None:
    """Who is on the list for e-mail gets text messages."""
    here = world()
    add(here.engine.ledger, Who.of("ada", None), "email", "unsubscribed", NOW)
    assert [("send", 2)] == verdicts(here)


def test_it_acts_within_a_running_batch(world: Callable[..., World]) -> None:
    """Whoever is put on the list while a batch runs is dropped from the chunks that are still to go."""
    here = world()
    (batch,) = here.batches()
    (file,) = here.engine.lake.root.glob("batches/*/*/*.parquet")
    order = pq.read_table(file, partitioning=None)["recipient_id"].to_pylist()

    class Slow(Outbox):
        """Goes one by one, and has the second recipient put on the list while the first one goes."""

        capabilities = Capabilities(chunk_size=1)

        def submit(self, rows: pa.Table, now: datetime) -> pa.Table:
            add(here.engine.ledger, Who.of(order[1], None), None, "STOP", now)
            return super().submit(rows, now)

    slow = Slow(script_of(None), lambda coming: pa.nulls(coming.num_rows))
    engine = replace(here.engine, transports=dict.fromkeys(here.engine.transports, slow))
    assert Sent(1, 1) == send(engine, RUN, batch.batch, lambda: NOW)
    assert [[order[0]]] == slow.given
    assert sorted([(order[0], "finished"), (order[1], "suppressed")]) == here.exits()


def test_whoever_was_removed_is_sent_to_again(world: Callable[..., World]) -> None:
    """For one channel or altogether; the count says how many lines that were."""
    here = world()
    ada = Who.of("ada", None)
    for channel in ("sms", "email", None):
        add(here.engine.ledger, ada, channel, "no", NOW)
    assert 1 == remove(here.engine.ledger, ada, "sms")
    assert 2 == remove(here.engine.ledger, ada, None)
    assert 0 == remove(here.engine.ledger, ada, None)
    assert [("send", 2)] == verdicts(here)


def test_an_endpoint_that_is_none_is_refused() -> None:
    """A hash of it would be met by nobody."""
    with pytest.raises(UsageError) as raised:
        Who.of(None, "202-555-0143")
    assert (
        "The endpoint '202-555-0143' is neither a phone number nor an e-mail address.\n"
        "  Next: Write a number with + and its calling code (+12025550143), or give --country."
    ) == str(raised.value)


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_id_is_refused(empty: str) -> None:
    """It is an unset variable of a script, and nobody's id."""
    with pytest.raises(UsageError) as raised:
        Who.of(empty, None)
    assert "The recipient_id is empty.\n  Next: Write the id as the segment has it." == str(raised.value)


def test_the_list_may_be_asked_for_any_number_of_lines(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """More than Postgres can count is all of them; an empty id is wrong use, and not everybody."""
    assert 0 == main(["suppress", "add", "--recipient", "ada"])
    capsys.readouterr()
    assert 0 == main(["suppress", "list", "--limit", "9" * 30, "--json"])
    assert 1 == len(json.loads(capsys.readouterr().out)["lines"])
    assert 2 == main(["suppress", "list", "--recipient", ""])
    assert "The recipient_id is empty.\n  Next: Write the id as the segment has it.\n" == capsys.readouterr().err


def test_a_channel_that_is_none_is_refused(world: Callable[..., World]) -> None:
    """The nearest one is named."""
    with pytest.raises(UsageError) as raised:
        add(world().engine.ledger, Who.of("ada", None), "emial", "no", NOW)
    assert "There is no channel 'emial'.\n  Next: Did you mean 'email'? Known are agent_voice, automated_voice, email, sms." == str(
        raised.value
    )


# Lists.

GOOD = [
    {"recipient_id": "ada", "endpoint": None, "country": None, "channel": None, "reason": "complained"},
    {"recipient_id": None, "endpoint": "(202) 555-0143", "country": "US", "channel": "sms", "reason": None},
    {"recipient_id": "cleo", "endpoint": "cleo@example.com", "country": None, "channel": "email", "reason": None},
]
BAD = [
    {"recipient_id": "", "endpoint": " "},
    {"endpoint": "202-555-0143"},
    {"recipient_id": "ada", "channel": "fax"},
    {"recipient_id": "a\0da"},
]


def bring(world: World, rows: list[dict[str, str | None]], *, skip_bad: bool = False, block: int = 2) -> Imported:
    table = pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in GOOD[0]]))
    return import_list(world.engine.ledger, "list.csv", lambda: table.to_batches(block), "imported", lambda: NOW, skip_bad=skip_bad)


def listed(world: World) -> list[tuple[str, str, str]]:
    return world.rows("SELECT kind, channel, reason FROM outcamp.suppressions ORDER BY 1, 2, 3")


def test_a_list_is_imported_once(world: Callable[..., World]) -> None:
    """A row may name a recipient, an endpoint or both; brought a second time, everything is there already."""
    here = world()
    assert Imported(rows=3, added=4, known=0) == bring(here, GOOD)
    assert [
        ("endpoint", "email", "imported"),
        ("endpoint", "sms", "imported"),
        ("recipient", "", "complained"),
        ("recipient", "email", "imported"),
    ] == listed(here)
    books = here.books("suppressions")
    assert Imported(rows=3, added=0, known=4) == bring(here, GOOD)
    assert books == here.books("suppressions")
    assert [("drop suppressed", 1), ("send", 1)] == verdicts(here)


def test_an_import_that_was_killed_is_run_again(world: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between two of its transactions, it has written some; the second run writes the rest, and the first lines stay as they are."""
    here = world()
    monkeypatch.setattr("outcamp.steps.suppress._BLOCK", 2)
    steps = []

    def dies(rows: int) -> None:
        steps.append(rows)
        if len(steps) == 3:  # both blocks were checked, the first lines are written
            raise KeyboardInterrupt

    table = pa.Table.from_pylist(GOOD)
    with pytest.raises(KeyboardInterrupt):
        import_list(here.engine.ledger, "list.csv", lambda: table.to_batches(2), "imported", lambda: NOW, dies)
    assert 2 == len(listed(here))
    assert Imported(rows=3, added=2, known=2) == bring(here, GOOD)


def test_a_list_with_bad_rows_is_refused_whole(world: Callable[..., World]) -> None:
    """Each reason is counted, each row is named, and nothing is written."""
    here = world()
    with pytest.raises(DataError) as raised:
        bring(here, [*GOOD, *BAD])
    assert (
        "list.csv: nothing was imported\n"
        "  1 row: neither a recipient_id nor an endpoint\n"
        "  1 row: the endpoint is neither a phone number nor an e-mail address\n"
        "  1 row: the channel is none of agent_voice, automated_voice, email, sms\n"
        "  1 row: a NUL character\n"
        "  row 4: neither a recipient_id nor an endpoint\n"
        "  row 5: the endpoint is neither a phone number nor an e-mail address\n"
        "  row 6: the channel is none of agent_voice, automated_voice, email, sms\n"
        "  row 7: a NUL character\n"
        "  Next: Correct these rows, or leave them out: --skip-bad."
    ) == str(raised.value)
    assert [] == listed(here)


def test_bad_rows_are_left_out_on_request(world: Callable[..., World]) -> None:
    """The good ones are written; of many bad rows the first are named, and all are counted."""
    here = world()
    found = bring(here, [*GOOD, *BAD * 10], skip_bad=True, block=7)
    assert (43, 4, 40, 20) == (found.rows, found.added, found.bad.total(), len(found.first))
    assert (23, "a NUL character") == found.first[-1]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["endpiont"], "did you mean 'endpoint'? the columns are endpiont; known are recipient_id, endpoint, country, channel, reason"),
        (["x", "y"], "the columns are x, y; known are recipient_id, endpoint, country, channel, reason"),
    ],
)
def test_a_list_of_nobody_is_refused(world: Callable[..., World], columns: list[str], message: str) -> None:
    """Without a column that says who, nobody would be suppressed."""
    block = pa.record_batch([["1"] for _ in columns], names=columns)
    with pytest.raises(DataError) as raised:
        import_list(world().engine.ledger, "list.csv", lambda: [block], "imported", lambda: NOW)
    assert f"list.csv: neither a column recipient_id nor endpoint\n  Next: {message}" == str(raised.value)


# The verb.


@pytest.fixture
def home(database_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a ledger."""
    make_project(tmp_path, HEAD)
    monkeypatch.setenv("OUTCAMP_HOME", str(tmp_path))
    monkeypatch.setenv("OUTCAMP_LEDGER", database_uri)
    return tmp_path


def test_the_verb_adds_lists_and_removes(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What it prints shows no number and no address, but their hashes; who is not on the list cannot be removed."""
    assert 0 == main(["suppress", "add", "--endpoint", ADA, "--channel", "sms", "--reason", "STOP"])
    assert "Suppressed, for sms: no message goes from now on.\n" == capsys.readouterr().out
    assert 0 == main(["suppress", "add", "--recipient", "ada", "--json"])
    assert {"added": True} == json.loads(capsys.readouterr().out)
    assert 0 == main(["suppress", "list", "--json"])
    said = json.loads(capsys.readouterr().out)
    assert [("endpoint", "sms", "STOP", 1), ("recipient", "", "asked for it", 1)] == [
        (one["kind"], one["channel"], one["reason"], one["lines"]) for one in said["counts"]
    ]
    assert 0 == main(["suppress", "list"])
    assert ADA not in capsys.readouterr().out
    assert 0 == main(["suppress", "list", "--recipient", "zoe"])
    assert "Not on the list.\n" == capsys.readouterr().out
    assert 0 == main(["suppress", "remove", "--endpoint", ADA])
    assert "Lines removed: 1.\n" == capsys.readouterr().out
    assert 2 == main(["suppress", "remove", "--endpoint", ADA, "--channel", "sms"])
    expected = "Nobody like that is on the list for sms.\n  Next: outcamp suppress list shows the reasons and channels.\n"
    assert expected == capsys.readouterr().err


def test_the_verb_imports_csv_and_parquet(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Bad rows are findings, skipped or not."""
    (home / "list.csv").write_text("recipient_id,endpoint\n007,\n,nobody\n", encoding="utf-8")
    assert 1 == main(["suppress", "import", str(home / "list.csv")])
    assert "row 2: the endpoint is neither a phone number nor an e-mail address" in capsys.readouterr().err
    assert 1 == main(["suppress", "import", str(home / "list.csv"), "--skip-bad"])
    assert capsys.readouterr().out.startswith(
        f"{home}/list.csv: rows 2, new on the list 1, on it already 0, left out 1\n  1 row: the endpoint"
    )
    pq.write_table(pa.table({"recipient_id": [7, 8]}), home / "list.parquet")
    assert 0 == main(["suppress", "import", str(home / "list.parquet"), "--json"])
    assert {"rows": 2, "added": 2, "known": 0, "bad": {}, "first": []} == json.loads(capsys.readouterr().out)
    assert [{"recipient_id": "007", "endpoint": None}, {"recipient_id": None, "endpoint": "nobody"}] == files.read(
        home / "list.csv"
    ).to_pylist()
