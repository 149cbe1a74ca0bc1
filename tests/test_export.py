"""What the lake shows of the ledger: results of a wave, dispositions, and the current state of entries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from outcamp.steps.export import export_entries, export_results
from outcamp.steps.feed_back import feed_back
from outcamp.steps.ingest import ingest
from outcamp.steps.send import send
from outcamp.store.datasets import DISPOSITIONS, ENTRIES, RESULTS
from small_world import NOW, RUN, World, make_world

AGAIN = "reattempts: [{when: [blocked], channel: sms, wait: 10 minutes}]\n"
BLOCKED = [{"recipient_id": "ada", "attempt": 1, "channel": "sms", "disposition": "blocked", "after": 60}]
MINUTE = timedelta(minutes=1)


@pytest.fixture
def world(database_uri: str, tmp_path: Path) -> Iterator[World]:
    """A campaign whose first message to Ada is blocked after a minute."""
    with ExitStack() as stack:
        yield make_world(stack, database_uri, tmp_path, AGAIN, outcomes=BLOCKED)


def shown(world: World, dataset: str, *columns: str) -> list[tuple[object, ...]]:
    """Read a dataset as an analyst does, in one line of pandas."""
    frame = pd.read_parquet(world.engine.lake.root / dataset).sort_values(["recipient_id", "attempt"])
    return [tuple(None if pd.isna(value) else value for value in row) for row in frame[list(columns)].itertuples(index=False)]


def run_wave(world: World) -> None:
    """Run the first wave to its end, without Ben, who is suppressed between its filter and its send."""
    batches = world.batches()
    world.change("INSERT INTO outcamp.suppressions VALUES ('recipient', sha256(convert_to('ben', 'UTF8')), '', 'opted out', %s)", NOW)
    for batch in batches:
        send(world.engine, RUN, batch.batch, lambda: NOW)
    feed_back(world.engine, RUN, NOW)


def test_results_say_what_became_of_each_send_verdict(world: World) -> None:
    """Of two send verdicts one was submitted and one was dropped at the last look, with its reason."""
    run_wave(world)
    export_results(world.engine, RUN)
    expected = [("ada", 1, "submitted", None), ("ben", 1, "drop", "suppressed")]
    assert expected == shown(world, "results", "recipient_id", "attempt", "became", "reason")


def test_a_part_whose_filter_died_before_the_rename_has_its_results(world: World) -> None:
    """The ledger names its files; whoever needs them first finishes the rename."""
    world.filtered()
    final = next((world.engine.lake.root / "batches").rglob("part-*.parquet"))
    (sha256,) = {
        file["sha256"] for (files,) in world.rows("SELECT files FROM outcamp.parts") for file in files if file["dataset"] == "batches"
    }
    final.rename(final.with_name(f".{final.stem}.{sha256[:16]}.pending"))
    export_results(world.engine, RUN)
    assert [("ada", 1), ("ben", 1)] == shown(world, "results", "recipient_id", "attempt")


def test_entries_are_the_current_state(world: World) -> None:
    """An entry is shown as it stands: awaiting its outcome, then waiting for the reattempt that the outcome made."""
    run_wave(world)
    export_entries(world.engine)
    expected = [("ada", 1, "awaiting_outcome", None, None), ("ben", 1, "exited", "suppressed", "suppressed")]
    assert expected == shown(world, "entries", "recipient_id", "attempt", "state", "exit_reason", "waits_for")

    ingest(world.engine, NOW + 5 * MINUTE)
    export_entries(world.engine)
    assert ("ada", 2, "waiting", "waiting_to_reattempt") == shown(world, "entries", "recipient_id", "attempt", "state", "waits_for")[0]
    assert [("ada", 1, "blocked", False)] == shown(world, "dispositions", "recipient_id", "attempt", "disposition", "counted")


def test_what_is_over_is_not_written_again(world: World) -> None:
    """A part without an open entry whose file says so is left alone; every file carries the documented schema."""
    run_wave(world)
    for minutes in (5, 11, 12):
        world.due(NOW + minutes * MINUTE)
    ingest(world.engine, NOW + timedelta(days=9))
    world.change("UPDATE outcamp.entries SET exited_at = %s WHERE exited_at IS NULL", NOW)
    export_entries(world.engine)
    (file,) = (world.engine.lake.root / "entries").rglob("*.parquet")
    before = file.stat().st_mtime_ns
    export_entries(world.engine)
    assert before == file.stat().st_mtime_ns

    export_results(world.engine, RUN)
    for dataset, schema in (("entries", ENTRIES), ("dispositions", DISPOSITIONS), ("results", RESULTS)):
        frame = pd.read_parquet(world.engine.lake.root / dataset)
        assert [*schema.names, "campaign", "run"] == list(frame.columns)
