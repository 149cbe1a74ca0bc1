"""Pushes to an external campaign: each row is answered, each push is an occurrence once for ever, and what expired is not sent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from outcamp.core.errors import UsageError
from outcamp.steps.audit import audit
from outcamp.steps.push import REFUSALS, push
from outcamp.steps.send import send
from outcamp.steps.snapshot import snapshot_pushed
from outcamp.steps.stop import record_error, resume, stop
from outcamp.store import occurrences
from outcamp.store.ledger import Ledger
from outcamp.transports.base import VALID_UNTIL
from outcome_world import killed
from push_world import BOTH, Airflow, beat, decided, external_world, played, pushed, rows_of, verdicts
from small_world import ADA, BEN, NOW, World, make_world

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
EXPIRES = "schedule: {start: 2026-12-01 15:00, time_zone: UTC, expires: 2026-12-01 18:00}\n"
EVENINGS = 'communication_time: {time_zone: UTC, active: [{days: mon-sun, from: "17:00", to: "20:00"}]}\n'
ONE_A_DAY = "communication_limits: [{count: 1, within: 1 day}]\non_limit: defer\n"
STRIDE = 19


@pytest.fixture
def world(database_uri: str, tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes external campaigns in one ledger and one lake."""
    with ExitStack() as stack:
        yield lambda more="", **settings: external_world(stack, database_uri, tmp_path / "lake", more, **settings)


def test_each_row_is_answered_and_the_good_ones_are_contacted(world: Callable[..., World], tmp_path: Path) -> None:
    """Bad rows keep nobody waiting; whoever is accepted is sent to by the run that the next pulse makes."""
    campaign = world()
    rows = [
        *BOTH,
        {"phone": ADA},
        {"recipient_id": "", "phone": ADA},
        {"recipient_id": "nul\0", "phone": ADA},
        {"recipient_id": "ada", "phone": BEN},
        {"recipient_id": "cleo", "phone": "12"},
        {"recipient_id": "dora", "phone": ADA, "expires_at": "tomorrow"},
        {"recipient_id": "emil", "phone": ADA, "expires_at": NOW.isoformat()},
        {"recipient_id": "fay", "phone": ADA, "expires_at": (NOW + HOUR).isoformat()},
    ]
    answers = pushed(campaign, rows_of(tmp_path, rows))
    assert [
        *(None, None, "no_recipient_id", "no_recipient_id", "no_recipient_id"),
        *("duplicate", "invalid_endpoint", "misread_expiry", "expired", None),
    ] == answers.reason.to_pylist()
    assert (3, 7, False) == (answers.accepted, answers.refused.total(), answers.known)
    (run,) = beat(campaign, NOW + MINUTE)
    assert run == answers.run
    played(campaign, run, NOW + MINUTE)
    assert ["ada", "ben", "fay"] == sorted(name for chunk in campaign.outbox.given for name in chunk)
    assert [] == beat(campaign, NOW + 2 * MINUTE)
    assert () == audit(campaign.engine.ledger, campaign.engine.lake, {"spring": campaign.engine.manifest}, NOW + HOUR).breaches


def test_the_same_push_changes_nothing_and_answers_the_same(world: Callable[..., World], tmp_path: Path) -> None:
    """Also after its rows have expired, and after the campaign was stopped: it is judged as of the first time."""
    campaign = world()
    rows = rows_of(tmp_path, [BOTH[0] | {"expires_at": (NOW + HOUR).isoformat()}, {"recipient_id": "ben", "phone": "1"}])
    first = pushed(campaign, rows)
    books = campaign.books()
    again = pushed(campaign, rows, NOW + 2 * HOUR)
    stop(campaign.engine.ledger, campaign.engine.manifest, NOW + 3 * HOUR)
    stopped = pushed(campaign, rows, NOW + 4 * HOUR)
    assert [first.as_dict() | {"known": True}] * 2 == [again.as_dict(), stopped.as_dict()]
    assert books["occurrences"] == campaign.books()["occurrences"]
    assert books["parts"] == campaign.books()["parts"]


def test_a_token_makes_the_same_rows_another_push(world: Callable[..., World], tmp_path: Path) -> None:
    """What a push is known by is its content, or the token that it is given; one token is never for two contents."""
    campaign = world("entry_limits: {max: 5}\n")
    rows = rows_of(tmp_path, BOTH)
    runs = [pushed(campaign, rows, token=token).run for token in ("", "monday", "tuesday", "monday")]
    assert (3, runs[1]) == (len(set(runs)), runs[3])
    other = rows_of(tmp_path, BOTH[:1])
    with pytest.raises(UsageError) as raised:
        pushed(campaign, other, token="monday")
    assert (
        "The token 'monday' belongs to another push to spring.\n"
        "  Next: Give each push a token of its own; the same one is for the same rows again."
    ) == str(raised.value)


def test_several_pushes_before_a_pulse_are_all_taken_up(world: Callable[..., World], tmp_path: Path) -> None:
    """A newer push replaces none: each has its run, and whoever is in both is in the campaign already."""
    campaign = world(outcomes=[{"recipient_id": "ada", "attempt": 1, "channel": "sms", "disposition": "delivered", "after": 100_000}])
    first = pushed(campaign, rows_of(tmp_path, BOTH[:1]))
    second = pushed(campaign, rows_of(tmp_path, BOTH))
    assert [(0, NOW), (1, NOW + timedelta(microseconds=1))] == campaign.rows(
        "SELECT number, scheduled_at FROM outcamp.occurrences ORDER BY 1"
    )
    assert sorted([first.run, second.run]) == sorted(beat(campaign, NOW + MINUTE))
    for answers in (first, second):
        played(campaign, answers.run or "", NOW + MINUTE)
    assert [["ada"], ["ben"]] == campaign.outbox.given
    assert [(("send", "", 1),), (("drop", "already_in_campaign", 1), ("send", "", 1))] == verdicts(campaign)


def test_a_wave_of_a_push_that_died_is_run_again(world: Callable[..., World], tmp_path: Path) -> None:
    """As long as not everybody is decided, the pulse makes the run; while it is alive, it makes no second one."""
    campaign = world()
    run = pushed(campaign, rows_of(tmp_path, BOTH)).run
    assert ([run], []) == (beat(campaign, NOW + MINUTE), beat(campaign, NOW + 2 * MINUTE))
    campaign.runs.alive.clear()
    assert [run] == beat(campaign, NOW + 3 * MINUTE)


def test_a_repeated_run_of_a_push_contacts_nobody_again(world: Callable[..., World], tmp_path: Path) -> None:
    """A push that is decided is closed, and a run that no push belongs to has nobody."""
    campaign = world()
    run = pushed(campaign, rows_of(tmp_path, BOTH)).run or ""
    played(campaign, run, NOW + MINUTE)
    assert ([], []) == (snapshot_pushed(campaign.engine, run), snapshot_pushed(campaign.engine, "manual"))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a kill within a finaliser is swallowed
def test_a_push_that_is_killed_anywhere_is_pushed_again(world: Callable[..., World], tmp_path: Path) -> None:
    """Either nobody was pushed, or everybody; the second push ends it, and each person is sent to once."""
    campaign = world(part_rows=1)
    number, alive, seen = 1, 0, set()
    while alive < 3:  # in a row
        rows = rows_of(tmp_path, [row | {"recipient_id": f"{row['recipient_id']}-{number}"} for row in BOTH])
        died = killed(number, lambda rows=rows: pushed(campaign, rows))  # type: ignore[misc]
        before = campaign.rows("SELECT count(*) FROM outcamp.occurrences")
        campaign.runs = Airflow()
        answers = pushed(campaign, rows)
        after = campaign.rows("SELECT count(*) FROM outcamp.occurrences")
        assert (not answers.known, 2) == (before != after, answers.accepted)
        played(campaign, answers.run or "", NOW + MINUTE)
        seen.add(answers.known)
        alive = 0 if died else alive + 1
        number += STRIDE
    assert number > 200
    assert {True, False} == seen
    sent = [name for chunk in campaign.outbox.given for name in chunk]
    assert sorted(set(sent)) == sorted(sent)
    assert len(sent) == 2 * len(campaign.rows("SELECT FROM outcamp.occurrences"))


def test_the_same_push_twice_at_once_is_one(world: Callable[..., World], tmp_path: Path) -> None:
    """Whichever is faster, both hear the same, and there is one occurrence."""
    campaign = world()
    rows = rows_of(tmp_path, BOTH)
    barrier, found = threading.Barrier(4), []

    def at_once() -> None:
        ledger = Ledger.at(campaign.uri)
        try:
            barrier.wait()
            found.append(push(ledger, campaign.engine.lake, campaign.engine.manifest, rows, NOW))
        finally:
            ledger.close()

    workers = [threading.Thread(target=at_once) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [False, True, True, True] == sorted(answers.known for answers in found)
    assert {2} == {answers.accepted for answers in found}
    assert [(1,)] == campaign.rows("SELECT count(*) FROM outcamp.occurrences")


@pytest.mark.parametrize(
    ("minutes", "stopped", "reason"),
    [(-1, False, "campaign_not_started"), (180, False, "campaign_expired"), (60, True, "campaign_stopped")],
)
def test_a_campaign_that_takes_nobody_refuses_every_row(
    world: Callable[..., World], tmp_path: Path, minutes: int, stopped: bool, reason: str
) -> None:
    """Nothing of it is written down, so the same push may succeed later."""
    campaign = world(EXPIRES)
    if stopped:
        stop(campaign.engine.ledger, campaign.engine.manifest, NOW)
    answers = pushed(campaign, rows_of(tmp_path, BOTH), NOW + minutes * MINUTE)
    assert ([reason] * 2, None, False) == (answers.reason.to_pylist(), answers.run, answers.known)
    assert reason in REFUSALS
    assert [] == campaign.rows("SELECT FROM outcamp.occurrences")


def test_pushed_in_error_people_wait_until_somebody_resumes(world: Callable[..., World], tmp_path: Path) -> None:
    """They are accepted, and the first pulse after the resume takes them up."""
    campaign = world()
    record_error(campaign.engine, "broken", NOW)
    answers = pushed(campaign, rows_of(tmp_path, BOTH))
    assert [] == beat(campaign, NOW + MINUTE)
    resume(campaign.engine.ledger, campaign.engine.manifest)
    assert [answers.run] == beat(campaign, NOW + 2 * MINUTE)


def test_a_push_of_which_nobody_is_accepted_is_no_occurrence(world: Callable[..., World], tmp_path: Path) -> None:
    """There is nothing to run."""
    answers = pushed(world(), rows_of(tmp_path, [{"recipient_id": "ada", "phone": "1"}]))
    assert (None, {"invalid_endpoint": 1}) == (answers.run, dict(answers.refused))


def test_a_campaign_with_a_segment_takes_no_push(database_uri: str, tmp_path: Path) -> None:
    """Its recipients are those of its segment."""
    with ExitStack() as stack:
        campaign = make_world(stack, database_uri, tmp_path / "lake")
        with pytest.raises(UsageError) as raised:
            pushed(campaign, rows_of(tmp_path, BOTH))
    assert (
        "The campaign 'spring' takes no pushes: its recipients come from its segment.\n"
        "  Next: Only a campaign with segment: external takes them."
    ) == str(raised.value)


def test_who_has_expired_when_the_wave_decides_is_dropped(world: Callable[..., World], tmp_path: Path) -> None:
    """The row's own expiry goes before that of the push; at the very instant it has passed."""
    campaign = world()
    rows = [BOTH[0], BOTH[1] | {"expires_at": (NOW + HOUR).isoformat()}]
    run = pushed(campaign, rows_of(tmp_path, rows, expires_at=NOW + 2 * MINUTE)).run or ""
    played(campaign, run, NOW + 2 * MINUTE)
    assert [(("drop", "expired", 1), ("send", "", 1))] == verdicts(campaign)
    assert [["ben"]] == campaign.outbox.given


def test_who_expires_between_the_filter_and_the_send_is_dropped(world: Callable[..., World], tmp_path: Path) -> None:
    """The look right before the chunk sees it."""
    campaign = world()
    rows = [BOTH[0] | {"expires_at": (NOW + 2 * MINUTE).isoformat()}, BOTH[1]]
    run = pushed(campaign, rows_of(tmp_path, rows)).run or ""
    for batch in decided(campaign, run, NOW + MINUTE):
        send(campaign.engine, run, batch, lambda: NOW + 2 * MINUTE)
    assert [["ben"]] == campaign.outbox.given
    assert ("ada", "expired") == campaign.exits()[0]


def test_nobody_waits_for_a_window_that_opens_after_their_expiry(world: Callable[..., World], tmp_path: Path) -> None:
    """It is none for them; who expires later waits for it."""
    campaign = world(EVENINGS)
    soon, late = (NOW + 2 * HOUR).isoformat(), (NOW + 2 * HOUR + MINUTE).isoformat()
    rows = [BOTH[0] | {"expires_at": soon}, BOTH[1] | {"expires_at": late}]
    played(campaign, pushed(campaign, rows_of(tmp_path, rows)).run or "", NOW + MINUTE)
    assert [(("drop", "no_open_time", 1), ("later", "window_closed", 1))] == verdicts(campaign)


def test_nobody_waits_for_a_limit_that_frees_after_their_expiry(world: Callable[..., World], tmp_path: Path) -> None:
    """It would come too late for them; who expires later waits for it."""
    campaign = world(ONE_A_DAY)
    played(campaign, pushed(campaign, rows_of(tmp_path, BOTH)).run or "", NOW)
    campaign.due(NOW + MINUTE)
    soon, late = (NOW + 24 * HOUR).isoformat(), (NOW + 25 * HOUR).isoformat()
    rows = [BOTH[0] | {"expires_at": soon}, BOTH[1] | {"expires_at": late}]
    played(campaign, pushed(campaign, rows_of(tmp_path, rows), NOW + HOUR).run or "", NOW + HOUR)
    assert (("drop", "over_limit", 1), ("later", "over_limit", 1)) == verdicts(campaign)[-1]


def test_the_second_look_keeps_nobody_for_after_their_expiry(world: Callable[..., World], tmp_path: Path) -> None:
    """A window that closed since the filter opens too late for one of them."""
    campaign = world(EVENINGS)
    evening = NOW + 2 * HOUR
    late = (evening + 20 * HOUR).isoformat()
    run = pushed(campaign, rows_of(tmp_path, [BOTH[0] | {"expires_at": late}, BOTH[1]]), evening).run or ""
    for batch in decided(campaign, run, evening):
        send(campaign.engine, run, batch, lambda: evening + 3 * HOUR)
    assert [("ada", "no_open_time"), ("ben", None)] == campaign.exits()


def test_a_push_that_the_expiry_overtakes_is_decided_all_the_same(world: Callable[..., World], tmp_path: Path) -> None:
    """Whoever was accepted in the last moment leaves as expired, and the pulse forgets the campaign only then."""
    campaign = world(EXPIRES)
    at = NOW + 3 * HOUR
    run = pushed(campaign, rows_of(tmp_path, BOTH), at - MINUTE).run or ""

    def expecting() -> frozenset[str]:
        with campaign.engine.ledger.transaction() as tx:
            return occurrences.expecting(tx, at)

    assert (frozenset({"spring"}), [run]) == (expecting(), beat(campaign, at))
    played(campaign, run, at)
    assert [(("drop", "expired", 2),)] == verdicts(campaign)
    assert (frozenset(), []) == (expecting(), beat(campaign, at + MINUTE))


def test_a_reattempt_after_the_expiry_is_dropped(world: Callable[..., World], tmp_path: Path) -> None:
    """The expiry is that of the whole entry, wherever its columns are read again."""
    again = "reattempts: [{when: [unreachable], channel: sms, wait: 30 minutes}]\n"
    unreachable = [
        {"recipient_id": name, "attempt": 1, "channel": "sms", "disposition": "unreachable", "after": 0} for name in ("ada", "ben")
    ]
    campaign = world(again, outcomes=unreachable)
    rows = [BOTH[0] | {"expires_at": (NOW + 10 * MINUTE).isoformat()}, BOTH[1]]
    played(campaign, pushed(campaign, rows_of(tmp_path, rows)).run or "", NOW + MINUTE)
    campaign.due(NOW + 40 * MINUTE)
    assert [("ada", "expired"), ("ben", None)] == campaign.exits()


def test_the_transport_hears_until_when_a_message_is_good(world: Callable[..., World], tmp_path: Path) -> None:
    """It is the earliest of the window's end, the campaign's expiry and the row's."""
    campaign = world(EXPIRES)
    given: list[pa.Table] = []
    campaign.outbox.capabilities = campaign.outbox.capabilities.__class__(chunk_size=10, validity=True)
    submit = campaign.outbox.submit
    campaign.outbox.submit = lambda rows, now: (given.append(rows), submit(rows, now))[1]  # type: ignore[method-assign]
    rows = [BOTH[0] | {"expires_at": (NOW + HOUR).isoformat()}, BOTH[1]]
    played(campaign, pushed(campaign, rows_of(tmp_path, rows)).run or "", NOW + MINUTE)
    assert [NOW + HOUR, NOW + 3 * HOUR] == given[0].sort_by("recipient_id")[VALID_UNTIL].to_pylist()


def test_a_review_is_asked_of_each_push(world: Callable[..., World], tmp_path: Path) -> None:
    """A newer push rejects no older one."""
    campaign = world("review: true\n")
    runs = [pushed(campaign, rows_of(tmp_path, [row])).run or "" for row in BOTH]
    for run in runs:
        decided(campaign, run, NOW + MINUTE)
    assert [("pending",), ("pending",)] == campaign.rows("SELECT review::text FROM outcamp.occurrences")


def test_an_external_campaign_without_an_end_is_never_completed(world: Callable[..., World], tmp_path: Path) -> None:
    """There may always be another push; the pulse looks after it as long as it has not expired."""
    campaign = world()
    played(campaign, pushed(campaign, rows_of(tmp_path, BOTH)).run or "", NOW + MINUTE)
    assert [(None,)] == campaign.rows("SELECT final_occurrence_at FROM outcamp.campaigns")
    assert [(None,)] != campaign.rows("SELECT exited_at FROM outcamp.entries")
