"""review: true. Nothing of an occurrence goes before a person approves it, a rejected one contacts nobody, and nobody is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from outcamp.core.run_key import run_key
from outcamp.steps.audit import audit
from outcamp.steps.fan_out import fan_out
from outcamp.steps.feed_back import feed_back
from outcamp.steps.filter import filter_part
from outcamp.steps.heal import heal
from outcamp.steps.next_wave import next_wave
from outcamp.steps.review import Question, answer, may_send, question_of
from outcamp.steps.send import Sent, send
from outcamp.steps.snapshot import prepare_wave, release_dead_waves, snapshot_due
from outcamp.steps.stop import stop
from outcamp.store.ledger import Ledger
from outcamp.store.reviews import approve, reject
from small_world import ADA, NOW, RUN, Runs, World, make_world

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
REVIEW = "review: true\n"
DAILY = "schedule: {start: 2026-12-01 15:00, time_zone: UTC, repeat: daily}\n"
EXPIRES = "schedule: {start: 2026-12-01 15:00, time_zone: UTC, expires: 2026-12-01 18:00}\n"
CLOSED = 'communication_time: {time_zone: UTC, active: [{days: mon-sun, from: "18:00", to: "20:00"}]}\n'
DEFER = "while_active: defer\n"


@dataclass
class Airflow(Runs):
    """DAG runs, and the occurrences that were asked for once more."""

    repeated: list[str] = field(default_factory=list)

    def again(self, run: str, at: datetime) -> None:
        """Note that an occurrence was asked for once more."""
        self.repeated.append(run)


@pytest.fixture
def world(database_uri: str, tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes small campaigns in one ledger and one lake."""
    with ExitStack() as stack:
        yield lambda *more, **settings: make_world(stack, database_uri, tmp_path, *more, **settings)


def say(campaign: World, *, approved: bool, at: datetime = NOW, run: str = RUN) -> None:
    answer(campaign.engine, run, at, approved=approved)


def sent(campaign: World, run: str, at: datetime, batch: int = 0) -> Sent:
    return send(campaign.engine, run, batch, lambda: at)


def reviews(campaign: World) -> list[tuple[str | None]]:
    return campaign.rows("SELECT review FROM outcamp.occurrences ORDER BY number")


def breaches(campaign: World, at: datetime) -> list[object]:
    engine = campaign.engine
    return list(audit(engine.ledger, engine.lake, {"spring": engine.manifest}, at).breaches)


def test_the_question_shows_the_funnel_and_no_recipient(world: Callable[..., World]) -> None:
    """A person reads how many would be contacted and who is left out, by counts alone, and until when an answer is waited for."""
    nobody = {"recipient_id": "cyd", "phone": "12"}
    campaign = world(REVIEW + DAILY, people=[{"recipient_id": "ada", "phone": ADA}, nobody])
    campaign.batches()
    assert Question(
        "Contact 1 people of spring now?",
        "Occurrence 0 of **spring**: 2 people were considered.\n\n"
        "| verdict | why | people |\n|---|---|---:|\n"
        "| send | by sms, now | 1 |\n"
        "| drop | no phone number or e-mail address of theirs is valid for the channel | 1 |\n\n"
        "**Approve** lets it begin. **Reject** contacts nobody: they leave the campaign as `rejected`. "
        "Without an answer by 2026-12-02 15:00:00 UTC it is rejected.",
        NOW + DAY,
    ) == question_of(campaign.engine, RUN, NOW)


def test_nothing_goes_without_an_answer(world: Callable[..., World]) -> None:
    """A send that somebody lets run before the answer gives its people back, and no wave claims them; nothing is due meanwhile."""
    campaign = world(REVIEW)
    campaign.batches()
    assert Sent(0, 2) == sent(campaign, RUN, NOW)
    assert [("ada", 1, "waiting"), ("ben", 1, "waiting")] == campaign.attempts()
    assert next_wave(campaign.engine, NOW) is None
    assert [] == campaign.due(NOW + MINUTE)
    assert [] == campaign.outbox.given


def test_an_approved_occurrence_goes_and_is_not_asked_about_again(world: Callable[..., World]) -> None:
    """The wave that asked sends what it holds; a Clear asks nobody, and a second answer changes nothing."""
    campaign = world(REVIEW)
    campaign.batches()
    say(campaign, approved=True)
    say(campaign, approved=False)
    assert question_of(campaign.engine, RUN, NOW) is None
    assert may_send(campaign.engine, RUN)
    assert Sent(2, 0) == sent(campaign, RUN, NOW)
    assert [("approved",)] == reviews(campaign)


def test_who_waits_for_a_window_is_due_once_somebody_has_approved(world: Callable[..., World]) -> None:
    """Their wave is made by the answer, not before it."""
    campaign = world(REVIEW + CLOSED)
    assert [] == campaign.batches()
    question = question_of(campaign.engine, RUN, NOW)
    assert question is not None
    assert "Contact 0 people of spring now, and 2 later?" == question.subject
    assert next_wave(campaign.engine, NOW) is None
    say(campaign, approved=True)
    evening = NOW + timedelta(hours=3)
    assert evening == next_wave(campaign.engine, NOW)
    (batch,) = campaign.due(evening)
    run = run_key(evening, 1)
    assert question_of(campaign.engine, run, evening) is None
    assert may_send(campaign.engine, run)
    assert Sent(2, 0) == sent(campaign, run, evening, batch.batch)


def test_a_rejected_occurrence_contacts_nobody_and_its_people_leave(world: Callable[..., World]) -> None:
    """They exit as rejected; the books balance, nothing is due, and a send that is cleared later finds nobody."""
    campaign = world(REVIEW)
    campaign.batches()
    say(campaign, approved=False)
    say(campaign, approved=True)
    assert not may_send(campaign.engine, RUN)
    assert question_of(campaign.engine, RUN, NOW) is None
    assert [("ada", "rejected"), ("ben", "rejected")] == campaign.exits()
    assert Sent(0, 0) == sent(campaign, RUN, NOW)
    feed_back(campaign.engine, RUN, NOW)
    assert next_wave(campaign.engine, NOW) is None
    assert [] == breaches(campaign, NOW + DAY)
    assert [] == campaign.outbox.given


def test_after_a_rejection_the_next_occurrence_admits_the_same_people_and_asks_for_itself(world: Callable[..., World]) -> None:
    """Nobody is barred by an occurrence that never went."""
    campaign = world(REVIEW + DAILY)
    campaign.batches()
    say(campaign, approved=False)
    tomorrow = NOW + DAY
    (batch,) = campaign.batches(tomorrow)
    assert question_of(campaign.engine, run_key(tomorrow), tomorrow) is not None
    say(campaign, approved=True, at=tomorrow, run=run_key(tomorrow))
    assert Sent(2, 0) == sent(campaign, run_key(tomorrow), tomorrow, batch.batch)
    assert [("rejected",), ("approved",)] == reviews(campaign)


def test_an_occurrence_without_an_answer_is_replaced_by_the_next_one(world: Callable[..., World]) -> None:
    """Its people leave it as rejected and are candidates of the new one; a late answer to the old one changes nothing."""
    campaign = world(REVIEW + DAILY)
    campaign.batches()
    tomorrow = NOW + DAY
    campaign.batches(tomorrow)
    say(campaign, approved=True, at=tomorrow)
    assert [("rejected",), ("pending",)] == reviews(campaign)
    assert [("ada", "rejected"), ("ada", None), ("ben", "rejected"), ("ben", None)] == campaign.exits()
    assert Sent(0, 0) == sent(campaign, RUN, tomorrow)


def test_one_that_is_replaced_while_it_is_being_decided_asks_nobody(world: Callable[..., World]) -> None:
    """Somebody has pressed Trigger meanwhile: when its last verdict stands, its people leave."""
    campaign = world(REVIEW)
    campaign.filtered()
    by_hand = NOW + MINUTE
    campaign.batches(by_hand)
    assert 1 == len(campaign.rows("SELECT FROM outcamp.occurrences WHERE closed_at IS NOT NULL"))
    fan_out(campaign.engine, RUN, by_hand)
    assert question_of(campaign.engine, RUN, by_hand) is None
    assert not may_send(campaign.engine, RUN)
    assert [("ada", "rejected"), ("ben", "rejected")] == campaign.exits()


def test_a_wave_that_died_before_the_answer_asks_once_more(world: Callable[..., World]) -> None:
    """What it held waits, its occurrence is run again, and after the answer the next wave sends; an answered one is left alone."""
    campaign = world(REVIEW)
    campaign.batches()
    runs = Airflow()
    engine = replace(campaign.engine, runs=runs)
    heal(engine, NOW + MINUTE)
    heal(engine, NOW + 2 * MINUTE)
    assert [RUN, RUN] == runs.repeated
    assert [("ada", 1, "waiting"), ("ben", 1, "waiting")] == campaign.attempts()
    assert [] == campaign.snapshot()
    assert question_of(engine, RUN, NOW + 3 * MINUTE) is not None
    say(campaign, approved=True, at=NOW + 3 * MINUTE)
    assert Sent(0, 0) == sent(campaign, RUN, NOW + 3 * MINUTE)
    heal(engine, NOW + 3 * MINUTE)
    assert [RUN, RUN] == runs.repeated
    (batch,) = campaign.due(NOW + 4 * MINUTE)
    assert Sent(2, 0) == sent(campaign, run_key(NOW + 4 * MINUTE, 1), NOW + 4 * MINUTE, batch.batch)


def test_an_older_one_that_nobody_answered_is_ended_by_the_pulse(world: Callable[..., World]) -> None:
    """Its run is gone and the next occurrence is due: it is not asked for again."""
    campaign = world(REVIEW + DAILY)
    campaign.batches()
    runs = Airflow()
    heal(replace(campaign.engine, runs=runs), NOW + DAY)
    assert [run_key(NOW + DAY)] == runs.repeated
    assert [("rejected",)] == reviews(campaign)
    assert [("ada", "rejected"), ("ben", "rejected")] == campaign.exits()


@pytest.mark.parametrize(("delete", "reason"), [(False, "stopped"), (True, "deleted")])
def test_a_stop_ends_whom_nobody_has_approved(world: Callable[..., World], delete: bool, reason: str) -> None:
    """Also what the waiting wave holds, which no send would look at; an answer that comes afterwards changes nothing."""
    campaign = world(REVIEW)
    campaign.batches()
    assert 2 == stop(campaign.engine.ledger, campaign.engine.manifest, NOW, delete=delete)
    say(campaign, approved=True)
    assert [("ada", reason), ("ben", reason)] == campaign.exits()
    assert not may_send(campaign.engine, RUN)


def test_the_expiry_ends_whom_nobody_has_approved(world: Callable[..., World]) -> None:
    """By the wave of the expiry, whether the question is answered then or not; nothing is asked after it."""
    campaign = world(REVIEW + EXPIRES)
    campaign.batches()
    expiry = NOW + timedelta(hours=3)
    question = question_of(campaign.engine, RUN, NOW)
    assert question is not None
    assert expiry == question.answer_by == next_wave(campaign.engine, NOW)
    assert [] == campaign.due(expiry)
    assert [("ada", "expired"), ("ben", "expired")] == campaign.exits()
    assert question_of(campaign.engine, RUN, expiry) is None


def test_the_expiry_ends_whom_nobody_could_be_asked_about(world: Callable[..., World]) -> None:
    """Their wave died between the verdicts and the question; nothing is left that would make a wave again and again."""
    campaign = world(REVIEW + EXPIRES)
    campaign.filtered()
    release_dead_waves(campaign.engine, NOW)
    assert [("ada", 1, "waiting"), ("ben", 1, "waiting")] == campaign.attempts()
    expiry = NOW + timedelta(hours=3)
    assert [] == campaign.due(expiry)
    assert [("ada", "expired"), ("ben", "expired")] == campaign.exits()
    assert next_wave(campaign.engine, expiry) is None


def test_nobody_enters_an_occurrence_that_the_expiry_has_ended(world: Callable[..., World]) -> None:
    """A filter that read its clock before the expiry finds it rejected; the wave ends, and nobody was ever in."""
    campaign = world(REVIEW + EXPIRES)
    campaign.snapshot()
    assert [] == campaign.due(NOW + timedelta(hours=3))
    assert [("rejected",)] == reviews(campaign)
    assert filter_part(campaign.engine, RUN, 0, NOW) is None
    assert [] == fan_out(campaign.engine, RUN, NOW)
    assert ([], []) == (campaign.exits(), breaches(campaign, NOW))


def test_a_filter_waits_for_a_rejection_that_is_on_its_way(world: Callable[..., World]) -> None:
    """Whoever read the review before, and admitted people after, would have them in an occurrence that nobody looks at any more."""
    campaign = world(REVIEW + EXPIRES)
    campaign.snapshot()
    waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    other = Ledger.at(campaign.uri)
    with ThreadPoolExecutor(1) as pool:
        with other.transaction() as tx:
            reject(tx, 1, 1, NOW, "expired")
            decided = pool.submit(filter_part, campaign.engine, RUN, 0, NOW)
            while not decided.done() and not campaign.rows(waiting):
                pass
        assert decided.result() is None
    other.close()
    assert [] == campaign.rows("SELECT FROM outcamp.entries")


def test_an_answer_that_comes_after_the_expiry_says_so(world: Callable[..., World]) -> None:
    """A timeout at the expiry is no rejection by somebody."""
    campaign = world(REVIEW + EXPIRES)
    campaign.batches()
    say(campaign, approved=False, at=NOW + timedelta(hours=3))
    assert [("ada", "expired"), ("ben", "expired")] == campaign.exits()


def test_an_occurrence_that_admits_nobody_asks_nobody(world: Callable[..., World]) -> None:
    """There is nothing to approve, so the wave goes on to its end."""
    campaign = world(REVIEW, people=[{"recipient_id": "ada", "phone": "12"}])
    campaign.batches()
    assert question_of(campaign.engine, RUN, NOW) is None
    assert may_send(campaign.engine, RUN)


def test_who_is_deferred_by_an_unanswered_occurrence_enters_only_after_the_answer(world: Callable[..., World]) -> None:
    """A row that waits for an open entry belongs to its occurrence: it is not taken up before the answer, and gone with a rejection."""
    campaign = world(REVIEW + DAILY + DEFER)
    campaign.batches()
    say(campaign, approved=True)
    sent(campaign, RUN, NOW)
    tomorrow = NOW + DAY
    campaign.change("UPDATE outcamp.entries SET exited_at = NULL")
    campaign.batches(tomorrow)
    campaign.change("UPDATE outcamp.entries SET exited_at = %s", tomorrow)
    assert 2 == len(campaign.rows("SELECT FROM outcamp.deferred"))
    prepare_wave(campaign.engine, "a", tomorrow + MINUTE)
    assert [] == snapshot_due(campaign.engine, "a", tomorrow + MINUTE, tomorrow + MINUTE)
    say(campaign, approved=False, at=tomorrow, run=run_key(tomorrow))
    assert [] == campaign.rows("SELECT FROM outcamp.deferred")


def test_an_answer_that_a_crash_cut_short_is_asked_for_again(world: Callable[..., World]) -> None:
    """Whatever was not committed was not said; what was, is found by the next try."""
    campaign = world(REVIEW)
    campaign.batches()
    with suppress(InterruptedError), campaign.engine.ledger.transaction() as tx:
        approve(tx, 1, NOW)
        raise InterruptedError
    assert question_of(campaign.engine, RUN, NOW) is not None
    say(campaign, approved=True)
    assert question_of(campaign.engine, RUN, NOW) is None
    release_dead_waves(campaign.engine, NOW)
    assert [("ada", 1, "waiting"), ("ben", 1, "waiting")] == campaign.attempts()


def test_without_review_nobody_is_asked(world: Callable[..., World]) -> None:
    """Other campaigns have no question and no fact."""
    campaign = world()
    campaign.batches()
    assert question_of(campaign.engine, RUN, NOW) is None
    assert may_send(campaign.engine, RUN)
    assert [(None,)] == reviews(campaign)
