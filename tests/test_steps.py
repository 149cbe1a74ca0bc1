"""The steps of a wave: each may be repeated, each looks again, and none does more than once what must happen once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from drafts import HEAD
from outcamp.core.errors import ManifestError
from outcamp.core.run_key import run_key
from outcamp.steps.fan_out import fan_out
from outcamp.steps.feed_back import feed_back
from outcamp.steps.filter import filter_part
from outcamp.steps.next_wave import next_wave
from outcamp.steps.send import Sent, send
from outcamp.steps.snapshot import prepare_wave, snapshot_due
from small_world import ADA, NOW, RUN, World, make_world

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
DAILY = "schedule: {start: 2026-12-01 15:00, time_zone: UTC, repeat: daily}\n"
EXPIRES = "schedule: {start: 2026-12-01 15:00, time_zone: UTC, expires: 2026-12-01 16:00}\n"
OFFICE = 'communication_time: {time_zone: UTC, active: [{days: mon-sun, from: "09:00", to: "16:00"}]}\n'
ONCE_A_DAY = "communication_limits: [{count: 1, within: 1 day}]\ncounts: all_campaigns\n"
AGAIN = "reattempts: [{when: [blocked], channel: sms, wait: 10 minutes}]\n"
BLOCKED = [{"recipient_id": "ada", "attempt": 1, "channel": "sms", "disposition": "blocked", "after": 60}]


@pytest.fixture
def world(database_uri: str, tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes small campaigns in one ledger and one lake."""
    with ExitStack() as stack:
        yield lambda *more, **settings: make_world(stack, database_uri, tmp_path, *more, **settings)


def files_of(world: World) -> dict[str, bytes]:
    """Every file of the lake, hidden ones too."""
    root = world.engine.lake.root
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


# Each step, repeated.


def test_a_snapshot_is_taken_once(world: Callable[..., World]) -> None:
    """A repeated snapshot returns the same parts, whatever the segment says by then, and changes neither books nor files."""
    here = world()
    first, books, files = here.snapshot(), here.books(), files_of(here)
    here.people.tables = [pa.table({"recipient_id": ["new"], "phone": [ADA]})]
    assert first == here.snapshot(now=NOW + HOUR)
    assert (books, files) == (here.books(), files_of(here))
    assert [2] == [part.rows for part in first]


def test_who_is_excluded_is_not_in_the_snapshot(world: Callable[..., World]) -> None:
    """The excluded ids are left out before anybody is considered."""
    here = world()
    here.people.left_out = ["ada", "nobody"]
    (part,) = here.snapshot()
    assert ["ben"] == here.engine.lake.read(part.files[0])["recipient_id"].to_pylist()


def test_a_part_is_decided_once(world: Callable[..., World]) -> None:
    """A repeated filter returns the same row, also much later, and changes neither books nor files."""
    here = world()
    (first,) = here.filtered()
    books, files = here.books(), files_of(here)
    assert first == filter_part(here.engine, RUN, 0, NOW + DAY)
    assert (books, files) == (here.books(), files_of(here))
    assert (("send", "", 2),) == first.funnel


def test_a_part_that_is_not_there_has_no_verdict(world: Callable[..., World]) -> None:
    """Neither an unknown wave nor an unknown part is decided."""
    here = world()
    assert filter_part(here.engine, RUN, 0, NOW) is None
    here.snapshot()
    assert filter_part(here.engine, RUN, 7, NOW) is None


def test_batches_are_listed_once(world: Callable[..., World]) -> None:
    """A repeated fan_out returns the same batches and changes nothing; each is of the configured size at most."""
    here = world(head=HEAD.replace("body: Hello", "body: Hello, batch_size: 1"))
    first = here.batches()
    books = here.books()
    assert first == fan_out(here.engine, RUN, NOW + HOUR)
    assert books == here.books()
    assert [(0, 1), (1, 1)] == [(batch.row_group, batch.rows) for batch in first]


def test_a_batch_is_submitted_once(world: Callable[..., World]) -> None:
    """A repeated send finds that all of it went, and gives nothing to the transport."""
    here = world()
    (batch,) = here.batches()
    assert Sent(2, 0) == send(here.engine, RUN, batch.batch, lambda: NOW)
    books = here.books("attempts", "entries")
    assert 0 == send(here.engine, RUN, batch.batch, lambda: NOW + HOUR).submitted
    assert [["ada", "ben"]] == [sorted(chunk) for chunk in here.outbox.given]
    assert books == here.books("attempts", "entries")


def test_a_batch_that_is_not_there_sends_nothing(world: Callable[..., World]) -> None:
    """An unknown batch ends at once."""
    here = world()
    here.batches()
    assert Sent(0, 0) == send(here.engine, RUN, 9, lambda: NOW)
    assert [] == here.outbox.given


def test_what_came_back_is_fed_back_once(world: Callable[..., World]) -> None:
    """A repeated feed_back makes no second reattempt and changes nothing."""
    here = world(AGAIN, outcomes=BLOCKED)
    (batch,) = here.batches()
    send(here.engine, RUN, batch.batch, lambda: NOW)
    followed = feed_back(here.engine, RUN, NOW + HOUR)
    assert (1, 1, 0) == (followed.disposed, followed.made, followed.exited)
    books = here.books()
    again = feed_back(here.engine, RUN, NOW + 2 * HOUR)
    assert (0, 0, 0) == (again.disposed, again.made, again.exited)
    assert books == here.books()
    assert [("ada", 1, "closed"), ("ada", 2, "waiting"), ("ben", 1, "closed")] == here.attempts()


def test_due_rows_are_claimed_once(world: Callable[..., World]) -> None:
    """A repeated snapshot of a wave of due attempts returns the same parts; another wave finds nothing left."""
    here = world(AGAIN, outcomes=BLOCKED)
    (batch,) = here.batches()
    send(here.engine, RUN, batch.batch, lambda: NOW)
    feed_back(here.engine, RUN, NOW + HOUR)
    first = snapshot_due(here.engine, "a", NOW + HOUR, NOW + HOUR)
    books = here.books()
    assert [1] == [part.rows for part in first]
    assert first == snapshot_due(here.engine, "a", NOW + HOUR, NOW + HOUR)
    assert books == here.books()
    assert [] == snapshot_due(here.engine, "b", NOW + HOUR, NOW + HOUR)


def test_a_due_attempt_goes_with_the_columns_of_its_snapshot(world: Callable[..., World]) -> None:
    """A reattempt is filtered and sent like any candidate, by what the segment said of its recipient."""
    here = world(AGAIN, outcomes=BLOCKED)
    (batch,) = here.batches()
    send(here.engine, RUN, batch.batch, lambda: NOW)
    feed_back(here.engine, RUN, NOW + MINUTE)
    assert [] == here.due(NOW + 10 * MINUTE)
    later = NOW + 11 * MINUTE
    (second,) = here.due(later)
    send(here.engine, run_key(later, 1), second.batch, lambda: later)
    assert ["ada"] == here.outbox.given[1]
    assert [("ada", "finished"), ("ben", "finished")] == here.exits()


# Occurrences that do nothing.


def test_a_closed_occurrence_has_no_parts(world: Callable[..., World]) -> None:
    """Once every candidate has its verdict, a repeated run considers nobody again."""
    here = world()
    here.batches()
    books = here.books()
    assert [] == here.snapshot(now=NOW + DAY)
    assert books == here.books()


def test_an_overtaken_occurrence_has_no_parts(world: Callable[..., World]) -> None:
    """An occurrence whose successor is due does nothing, even though it never ran."""
    here = world(DAILY)
    assert [] == here.snapshot(NOW, now=NOW + DAY)
    assert [] == here.books()["occurrences"]
    assert 1 == len(here.snapshot(NOW + DAY))


def test_an_occurrence_before_one_that_ran_has_no_parts(world: Callable[..., World]) -> None:
    """Occurrences are opened in the order of time only."""
    here = world()
    here.batches(NOW + HOUR)
    assert [] == here.snapshot(NOW, now=NOW + HOUR)


def test_one_instant_is_one_occurrence(world: Callable[..., World]) -> None:
    """A second run for the same scheduled instant considers nobody."""
    here = world()
    assert 1 == len(here.snapshot())
    assert [] == here.snapshot(run="by-hand")


def test_an_occurrence_at_the_expiry_has_no_parts(world: Callable[..., World]) -> None:
    """Nobody is considered at or after the expiry."""
    here = world(EXPIRES)
    assert [] == here.snapshot(now=NOW + HOUR)


def test_a_name_is_bound_to_its_settings(world: Callable[..., World]) -> None:
    """Other settings under a name that the ledger knows are refused before anything is decided."""
    mine = world()
    mine.snapshot()
    other = world("holdout: 5%\n")
    with pytest.raises(ManifestError) as raised:
        other.snapshot(NOW + HOUR)
    seals = [made.engine.manifest.seal[:12] for made in (mine, other)]
    assert (
        f"campaign 'spring': the ledger knows this name with other settings (seal {seals[0]}, the manifest has {seals[1]})\n"
        "  Next: restore the manifest that was published, or publish the new settings under a new name"
    ) == str(raised.value)


# Waves with little to do.


@pytest.mark.parametrize(
    "tables", [[], [pa.table({"recipient_id": pa.array([], pa.string()), "phone": pa.array([], pa.string())})]], ids=["no table", "no rows"]
)
def test_an_empty_segment_is_an_occurrence_all_the_same(world: Callable[..., World], tables: list[pa.Table]) -> None:
    """It is decided, has no batches, and is closed."""
    here = world(people=tables)
    assert [] == [part.rows for part in here.filtered() if part.rows]
    assert [] == fan_out(here.engine, RUN, NOW)
    assert [(True,)] == here.rows("SELECT closed_at IS NOT NULL FROM outcamp.occurrences")
    assert [] == here.snapshot()


def test_a_wave_with_nothing_to_send_ends_well(world: Callable[..., World]) -> None:
    """Where everybody is dropped there are verdicts and no batches."""
    here = world(people=[{"recipient_id": "ada", "phone": "none"}, {"recipient_id": "ada", "phone": ADA}])
    (part,) = here.filtered()
    assert (("drop", "duplicate", 1), ("drop", "invalid_endpoint", 1)) == part.funnel
    assert [] == fan_out(here.engine, RUN, NOW)
    assert [] == here.exits()
    feed_back(here.engine, RUN, NOW)
    assert next_wave(here.engine, NOW) is None
    assert [] == here.runs.made


def test_an_unknown_wave_has_no_batches(world: Callable[..., World]) -> None:
    """fan_out of a wave without a snapshot does nothing."""
    assert [] == fan_out(world().engine, RUN, NOW)


def test_many_small_parts_are_one_wave(world: Callable[..., World]) -> None:
    """The same people are sent to, in however many parts they come."""
    people = [{"recipient_id": f"{number:03}", "phone": f"+1202555{number:04}"} for number in range(100, 200)]
    here = world(people=people, part_rows=20)
    batches = here.batches()
    assert len({batch.part for batch in batches}) > 4
    for batch in batches:
        send(here.engine, RUN, batch.batch, lambda: NOW)
    assert [row["recipient_id"] for row in people] == sorted(name for chunk in here.outbox.given for name in chunk)


# Between filter and send.


def test_who_is_suppressed_after_the_filter_is_dropped(world: Callable[..., World]) -> None:
    """Suppression is looked at again right before the send."""
    here = world()
    (batch,) = here.batches()
    entry = "('endpoint', sha256(convert_to(%s, 'UTF8')), '', 'test', %s)"
    here.change(f"INSERT INTO outcamp.suppressions (kind, key, channel, reason, since) VALUES {entry}", ADA, NOW)
    assert Sent(1, 1) == send(here.engine, RUN, batch.batch, lambda: NOW)
    assert [["ben"]] == here.outbox.given
    assert [("ada", "suppressed"), ("ben", "finished")] == here.exits()


@pytest.mark.parametrize(("fact", "reason"), [("stopped_at", "stopped"), ("deleted_at", "deleted")])
def test_a_campaign_that_was_ended_sends_nothing_more(world: Callable[..., World], fact: str, reason: str) -> None:
    """Stopped or deleted after the filter: the rows of the batch exit with that reason."""
    here = world()
    (batch,) = here.batches()
    here.change(f"UPDATE outcamp.campaigns SET {fact} = %s", NOW)
    assert Sent(0, 2) == send(here.engine, RUN, batch.batch, lambda: NOW)
    assert [] == here.outbox.given
    assert [("ada", reason), ("ben", reason)] == here.exits()


def test_a_campaign_that_has_expired_sends_nothing_more(world: Callable[..., World]) -> None:
    """At the expiry itself the rows of a batch exit as expired; a microsecond before it they go."""
    here = world(EXPIRES)
    (batch,) = here.batches()
    assert Sent(0, 2) == send(here.engine, RUN, batch.batch, lambda: NOW + HOUR)
    assert [("ada", "expired"), ("ben", "expired")] == here.exits()


def test_a_campaign_that_is_about_to_expire_still_sends(world: Callable[..., World]) -> None:
    """A microsecond before the expiry is before the expiry."""
    here = world(EXPIRES)
    (batch,) = here.batches()
    assert Sent(2, 0) == send(here.engine, RUN, batch.batch, lambda: NOW + HOUR - timedelta(microseconds=1))


def test_a_campaign_in_error_keeps_its_rows(world: Callable[..., World]) -> None:
    """Nothing is sent until somebody resumes it; then the rows go with a later wave."""
    here = world()
    (batch,) = here.batches()
    here.change("UPDATE outcamp.campaigns SET error_at = %s", NOW)
    assert Sent(0, 2) == send(here.engine, RUN, batch.batch, lambda: NOW)
    assert [("ada", 1, "waiting"), ("ben", 1, "waiting")] == here.attempts()
    here.change("UPDATE outcamp.campaigns SET error_at = NULL")
    (later,) = here.due(NOW + MINUTE)
    assert Sent(2, 0) == send(here.engine, run_key(NOW + MINUTE, 1), later.batch, lambda: NOW + MINUTE)


def test_a_paused_campaign_gives_its_rows_back(world: Callable[..., World]) -> None:
    """Paused: the rows wait, the task ends, and the next wave takes them."""
    here = world()
    (batch,) = here.batches()
    assert Sent(0, 2) == send(here.engine, RUN, batch.batch, lambda: NOW, lambda: True)
    assert [] == here.outbox.given
    assert [("ada", None), ("ben", None)] == here.exits()
    assert NOW + MINUTE == next_wave(here.engine, NOW)
    (later,) = here.due(NOW + MINUTE)
    send(here.engine, run_key(NOW + MINUTE, 1), later.batch, lambda: NOW + MINUTE)
    assert [["ada", "ben"]] == [sorted(chunk) for chunk in here.outbox.given]


def test_a_window_that_closed_meanwhile_is_kept(world: Callable[..., World]) -> None:
    """The rows wait for the next opening, and nothing goes at the very end of the window."""
    here = world(OFFICE)
    (batch,) = here.batches()
    assert Sent(0, 2) == send(here.engine, RUN, batch.batch, lambda: NOW + HOUR)
    opens = NOW.replace(hour=9) + DAY
    assert [(opens,)] == here.rows("SELECT DISTINCT due_at FROM outcamp.attempts WHERE state = 'waiting'")
    assert opens == next_wave(here.engine, NOW + HOUR)
    assert [(run_key(opens, 1), opens)] == here.runs.made


def test_two_campaigns_at_one_instant_keep_one_limit(world: Callable[..., World]) -> None:
    """Both filters let a recipient through; the second submission is counted against the first and dropped."""
    one = world(ONCE_A_DAY)
    two = world(ONCE_A_DAY, head=HEAD.replace("spring", "summer"))
    (first,), (second,) = one.batches(), two.batches()
    assert Sent(2, 0) == send(one.engine, RUN, first.batch, lambda: NOW)
    assert Sent(0, 2) == send(two.engine, RUN, second.batch, lambda: NOW)
    assert [] == two.outbox.given
    assert ["finished", "finished", "over_limit", "over_limit"] == sorted(reason for _, reason in one.exits())


@pytest.mark.parametrize(("schedule", "submitted"), [("", 2), (DAILY, 0)], ids=["completed", "active"])
def test_limits_count_what_active_campaigns_sent(world: Callable[..., World], schedule: str, submitted: int) -> None:
    """What a completed campaign sent holds nobody back, unless counts says all_campaigns; what an active one sent does."""
    limit = "communication_limits: [{count: 1, within: 1 day}]\n"
    one, two = world(schedule), world(limit, head=HEAD.replace("spring", "summer"))
    (first,), (second,) = one.batches(), two.batches()
    send(one.engine, RUN, first.batch, lambda: NOW)
    assert submitted == send(two.engine, RUN, second.batch, lambda: NOW).submitted


def test_a_limit_that_was_reached_meanwhile_can_defer(world: Callable[..., World]) -> None:
    """With on_limit: defer the second campaign's rows wait until the window of the limit has passed."""
    one = world(ONCE_A_DAY)
    two = world(f"{ONCE_A_DAY}on_limit: defer\n", head=HEAD.replace("spring", "summer"))
    (first,), (second,) = one.batches(), two.batches()
    send(one.engine, RUN, first.batch, lambda: NOW)
    send(two.engine, RUN, second.batch, lambda: NOW + HOUR)
    assert [(NOW + DAY,)] == two.rows("SELECT DISTINCT due_at FROM outcamp.attempts WHERE state = 'waiting'")


def test_a_clock_that_was_set_back_forgets_no_contact(world: Callable[..., World]) -> None:
    """A communication that lies in the future counts towards a limit, as the server that took over may be behind."""
    one = world(ONCE_A_DAY)
    two = world(ONCE_A_DAY, head=HEAD.replace("spring", "summer"))
    (first,), (second,) = one.batches(), two.batches()
    assert Sent(2, 0) == send(one.engine, RUN, first.batch, lambda: NOW + timedelta(seconds=5))
    assert Sent(0, 2) == send(two.engine, RUN, second.batch, lambda: NOW)


def test_what_a_dead_wave_holds_is_given_back(world: Callable[..., World]) -> None:
    """Claims of a wave that is neither queued nor running wait again; those of a live one stay."""
    here = world()
    here.batches()
    here.runs.alive = {RUN}
    prepare_wave(here.engine, run_key(NOW, 1), NOW)
    assert {"claimed"} == {state for _, _, state in here.attempts()}
    here.runs.alive = set()
    prepare_wave(here.engine, RUN, NOW)
    assert {"claimed"} == {state for _, _, state in here.attempts()}
    prepare_wave(here.engine, run_key(NOW, 1), NOW)
    assert {"waiting"} == {state for _, _, state in here.attempts()}
    assert Sent(0, 0) == send(here.engine, RUN, 0, lambda: NOW)
    assert [] == here.outbox.given


def test_the_instant_that_counts_is_read_under_the_locks(world: Callable[..., World]) -> None:
    """Whoever waited for the lock must not count with a clock from before it: what was sent meanwhile would lie in its future."""
    here = world(ONCE_A_DAY)
    (batch,) = here.batches()
    locked: list[bool] = []

    def clock() -> datetime:
        (held,) = here.rows("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 0 AND granted")[0]
        locked.append(held > 0)
        return NOW + timedelta(microseconds=len(locked) - 1)

    send(here.engine, RUN, batch.batch, clock)
    (counted_at,) = {row[0] for row in here.rows("SELECT counted_at FROM outcamp.attempts")}
    assert locked[(counted_at - NOW) // timedelta(microseconds=1)]


def test_a_repeated_send_gives_nothing_back(world: Callable[..., World]) -> None:
    """What an earlier try submitted is not counted as handed back."""
    here = world()
    (batch,) = here.batches()
    assert Sent(2, 0) == send(here.engine, RUN, batch.batch, lambda: NOW)
    assert Sent(0, 0) == send(here.engine, RUN, batch.batch, lambda: NOW)
