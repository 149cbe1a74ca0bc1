"""Counted progress: what the pages show is what the attempts say, and counting may be interrupted, repeated and shared."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from outcamp.steps.feed_back import feed_back
from outcamp.steps.progress import refresh
from outcamp.steps.send import send
from outcamp.store import progress
from outcamp.store.progress import Progress
from outcamp.store.sql import queries
from small_world import NOW, RUN, World, make_world

DAY = timedelta(days=1)
MORE = """\
reattempts: [{when: [unreachable], channel: sms, wait: 2 hours}]
schedule: {start: now, repeat: daily}
while_active: skip
"""
PEOPLE = [
    {"recipient_id": name, "phone": phone} for name, phone in (("ada", "+12025550143"), ("ben", "+12125550143"), ("eve", "no number"))
]
OUTCOMES = [
    {"recipient_id": "ben", "attempt": 1, "channel": "sms", "disposition": "unreachable", "after": 0},
    {"recipient_id": "ada", "attempt": 1, "channel": "sms", "disposition": "delivered", "after": 3600},
]


@pytest.fixture
def world(database_uri: str, tmp_path: Path) -> Iterator[World]:
    """A daily campaign whose first wave was sent, and not fed back: ada's outcome comes in an hour, ben is to be tried again."""
    with ExitStack() as stack:
        made = make_world(stack, database_uri, tmp_path, MORE, people=PEOPLE, outcomes=OUTCOMES)
        for batch in made.batches():
            send(made.engine, RUN, batch.batch, lambda: NOW)
        yield made


def counted(world: World) -> list[Progress]:
    """What was counted, the oldest occurrence first."""
    with world.engine.ledger.transaction() as tx:
        campaign_id = world.engine.register(tx).campaign_id
        return progress.of_campaign(tx, campaign_id, 100)[::-1]


def test_the_numbers_are_those_of_the_books(world: World) -> None:
    """People, submissions, outcomes and hours are what the rows themselves say."""
    assert 1 == refresh(world.engine.ledger, NOW)
    one = counted(world)[0]
    assert (3, 2, 2, 2, 0) == (one.considered, one.entered, one.inside, one.contacted, one.reached)
    assert (2, 0, NOW) == (one.sent, one.delivered, one.as_of)
    assert [["drop", "invalid_endpoint", 1], ["send", "", 2]] == one.funnel
    assert [[1, "sms", "awaiting", 1], [1, "sms", "unreachable", 1], [2, "sms", "waiting", 1]] == one.outcomes
    assert ([[int(NOW.timestamp()), "sms", 2]], []) == (one.hours, one.exits)


def test_feed_back_counts_what_it_took_in(world: World) -> None:
    """As a wave ends, its campaign is counted, with the outcomes that the wave took in."""
    feed_back(world.engine, RUN, NOW + timedelta(hours=1))
    one = counted(world)[0]
    assert (2, 1, 1, 1) == (one.sent, one.delivered, one.reached, one.inside)
    assert [["finished", 1]] == one.exits


def test_what_was_just_counted_rests(world: World) -> None:
    """An occurrence is left alone for so many times what counting it took; without rest it is counted again, to the same numbers."""
    ledger = world.engine.ledger
    assert [1, 0, 1] == [refresh(ledger, NOW), refresh(ledger, NOW, rests=1e9), refresh(ledger, NOW, rests=0)]
    assert 1 == len(counted(world))


def test_what_is_settled_is_not_counted_again(world: World) -> None:
    """Once nothing is in flight nothing can change, and an old occurrence costs nothing; a doubt is looked at every hour."""
    ledger = world.engine.ledger
    world.change("UPDATE outcamp.attempts SET state = 'closed', disposition = coalesce(disposition, 'unknown')")
    world.change("UPDATE outcamp.entries SET exited_at = %s, exit_reason = 'finished'", NOW)
    assert [1, 0] == [refresh(ledger, NOW, rests=0), refresh(ledger, NOW, rests=0)]
    world.change("UPDATE outcamp.progress SET counted_at = counted_at - interval '61 minutes'")
    world.change("UPDATE outcamp.attempts SET disposition = 'delivered' WHERE disposition = 'unknown'")
    assert [1, 0] == [refresh(ledger, NOW, rests=0), refresh(ledger, NOW, rests=0)]
    world.change("UPDATE outcamp.progress SET counted_at = counted_at - interval '61 minutes'")
    assert 0 == refresh(ledger, NOW, rests=0)


def test_one_campaign_is_counted_alone(world: World) -> None:
    """A wave counts its own campaign, and no other."""
    assert [0, 1] == [refresh(world.engine.ledger, NOW, "autumn"), refresh(world.engine.ledger, NOW, "spring")]


def test_who_is_interrupted_has_counted_what_came_before(world: World) -> None:
    """Each occurrence is a transaction of its own; the next call counts the rest, and the end state is the same."""
    ledger = world.engine.ledger
    world.filtered(NOW + DAY)
    with psycopg.connect(world.uri, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN IF NEW.occurrence_id > 1 THEN RAISE 'killed'; END IF; RETURN NEW; END $$"
        )
        connection.execute("CREATE TRIGGER die BEFORE INSERT ON outcamp.progress FOR EACH ROW EXECUTE FUNCTION die()")
        with pytest.raises(psycopg.errors.RaiseException):
            refresh(ledger, NOW + DAY)
        assert [NOW + DAY, None] == [one.as_of for one in counted(world)]
        connection.execute("DROP TRIGGER die ON outcamp.progress")
    refresh(ledger, NOW + DAY, rests=0)
    assert [NOW + DAY, NOW + DAY] == [one.as_of for one in counted(world)]


def test_two_do_not_count_the_same_at_once(world: World) -> None:
    """While somebody counts an occurrence, another one goes on without it."""
    with psycopg.connect(world.uri) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended('outcamp.progress', 1))")
        assert 0 == refresh(world.engine.ledger, NOW)
    assert 1 == refresh(world.engine.ledger, NOW)


def test_a_page_reads_zones_without_loading_pandas(tmp_path: Path) -> None:
    """Whoever comes first would wait a second for it; so the API server never loads it."""
    folder = tmp_path / "batches" / "campaign=spring" / "run=a"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"zones": ["UTC", "UTC", "Europe/Berlin"]}), folder / "part-00000.parquet")
    program = (
        "import sys, pathlib; from outcamp.store.pages import zones_sent_to; "
        "print(dict(zones_sent_to(pathlib.Path(sys.argv[1]), 'spring', ['a', 'b'])), 'pandas' in sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1] / "plugins")}
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], env=environment, capture_output=True, text=True, check=False)
    assert "{'UTC': 2, 'Europe/Berlin': 1} False\n" == done.stdout, done.stderr


def test_the_newest_waves_of_a_campaign_are_found_by_their_index(world: World) -> None:
    """However many waves other campaigns have had since."""
    with world.engine.ledger.transaction() as tx:
        text = f"EXPLAIN {queries()['newest-waves-of-campaign']}"
        plan = tx._connection.execute(text.encode(), {"campaign_id": 1, "most": 25}).fetchall()  # noqa: SLF001
    assert 1 == sum("Index Scan Backward using waves_newest" in line for (line,) in plan)


def test_the_glance_sums_all_occurrences(world: World) -> None:
    """Sent and delivered are sums over occurrences; the rest is the newest one's."""
    feed_back(world.engine, RUN, NOW + timedelta(hours=1))
    world.filtered(NOW + DAY)
    refresh(world.engine.ledger, NOW + DAY, rests=0)
    with world.engine.ledger.transaction() as tx:
        glance = progress.glances(tx)[1]
    assert (2, 1, 1) == (glance.sent, glance.delivered, glance.occurrence)
    numbers = Counter(verdict for verdict, _, count in counted(world)[1].funnel for _ in range(count))
    assert (glance.considered, glance.entered) == (numbers.total(), numbers["send"] + numbers["later"])
