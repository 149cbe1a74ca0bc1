"""What people decide about a campaign: stop, delete, resume; and how it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from outcamp.core.errors import UsageError
from outcamp.core.run_key import run_key
from outcamp.steps.fan_out import fan_out
from outcamp.steps.feed_back import feed_back
from outcamp.steps.heal import heal, make_next_wave, unfinished
from outcamp.steps.planned_runs import PlannedRuns
from outcamp.steps.send import Sent, send
from outcamp.steps.snapshot import snapshot_due
from outcamp.steps.status import CampaignStatus, campaign_status
from outcamp.steps.stop import halt_of, record_error, resume, stop
from small_world import NOW, RUN, World, make_world

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
CLOSED = 'communication_time: {time_zone: UTC, active: [{days: mon-sun, from: "18:00", to: "20:00"}]}\n'
DAILY = "schedule: {start: 2026-12-01 15:00, time_zone: UTC, repeat: daily}\n"


@pytest.fixture
def world(database_uri: str, tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes small campaigns in one ledger and one lake."""
    with ExitStack() as stack:
        yield lambda *more, **settings: make_world(stack, database_uri, tmp_path, *more, **settings)


def status(world: World, *, paused: tuple[str, ...] = ()) -> CampaignStatus:
    return campaign_status(world.engine.ledger, "spring", world.engine.manifest, NOW + MINUTE, MINUTE, paused)


def test_a_stop_ends_whoever_waits_and_is_final(world: Callable[..., World]) -> None:
    """Everybody who waits leaves with that reason, and nothing is due any more."""
    campaign = world(CLOSED)
    campaign.filtered()
    assert 2 == stop(campaign.engine.ledger, campaign.engine.manifest, NOW)
    assert [("ada", "stopped"), ("ben", "stopped")] == campaign.exits()
    assert [("ada", 1, "closed"), ("ben", 1, "closed")] == campaign.attempts()
    assert ("Stopped", None) == (status(campaign).state, status(campaign).next_at)
    assert 0 == stop(campaign.engine.ledger, campaign.engine.manifest, NOW + MINUTE)
    assert "stopped" == halt_of(campaign.engine, NOW + MINUTE)


def test_what_a_wave_has_in_hand_at_the_stop_is_not_sent(world: Callable[..., World]) -> None:
    """The send looks again, finds the stop, and ends its people with that reason."""
    campaign = world()
    (batch,) = campaign.batches()
    assert 0 == stop(campaign.engine.ledger, campaign.engine.manifest, NOW)
    assert Sent(0, 2) == send(campaign.engine, RUN, batch.batch, lambda: NOW)
    assert [("ada", "stopped"), ("ben", "stopped")] == campaign.exits()
    assert [] == campaign.outbox.given


def test_who_comes_to_wait_after_the_stop_leaves(world: Callable[..., World]) -> None:
    """What a dead wave held at the stop, or a reattempt of what was on its way then, is given a wave no more: the next beat ends it."""
    campaign = world()
    campaign.batches()
    stop(campaign.engine.ledger, campaign.engine.manifest, NOW)
    campaign.change("UPDATE outcamp.attempts SET state = 'waiting', wave_id = NULL")
    assert frozenset({"spring"}) == unfinished(campaign.engine.ledger, ["spring"])
    heal(campaign.engine, NOW + MINUTE)
    assert [("ada", "stopped"), ("ben", "stopped")] == campaign.exits()
    assert [("ada", 1, "closed"), ("ben", 1, "closed")] == campaign.attempts()
    assert frozenset() == unfinished(campaign.engine.ledger, ["spring"])


def test_a_campaign_that_never_ran_can_be_deleted(world: Callable[..., World]) -> None:
    """The ledger knows its name from then on."""
    campaign = world()
    assert 0 == stop(campaign.engine.ledger, campaign.engine.manifest, NOW, delete=True)
    assert "Deleted" == status(campaign).state
    assert "deleted" == halt_of(campaign.engine, NOW)


def test_an_error_holds_the_campaign_until_somebody_resumes_it(world: Callable[..., World]) -> None:
    """In Error nothing is sent and no wave is made; resumed, who waits gets a wave."""
    campaign = world()
    (batch,) = campaign.batches()
    record_error(campaign.engine, "the wave failed", NOW)
    record_error(campaign.engine, "another one", NOW)
    assert Sent(0, 2) == send(campaign.engine, RUN, batch.batch, lambda: NOW)
    assert make_next_wave(campaign.engine, NOW) is None
    assert ("Error", "the wave failed") == (status(campaign).state, status(campaign).reason)
    assert "the wave failed" == resume(campaign.engine.ledger, campaign.engine.manifest)
    heal(campaign.engine, NOW)
    assert [(run_key(NOW + MINUTE, 1), NOW + MINUTE)] == campaign.runs.made


def test_a_wave_that_claimed_before_an_error_is_decided_in_it(world: Callable[..., World]) -> None:
    """In Error nothing is claimed; what a wave has in hand gets its verdict: a resume before fan_out finds it whole."""
    campaign = world(CLOSED)
    campaign.filtered()
    engine, at = campaign.engine, NOW + 3 * HOUR
    record_error(engine, "a task failed", at)
    assert [] == snapshot_due(engine, "a", at, at)
    resume(engine.ledger, engine.manifest)
    (claimed,) = snapshot_due(engine, "a", at, at)
    record_error(engine, "a task failed", at)
    assert [claimed] == snapshot_due(engine, "a", at, at)
    campaign.decide(claimed.part, "a", at)
    resume(engine.ledger, engine.manifest)
    (batch,) = fan_out(engine, "a", at)
    assert Sent(2, 0) == send(engine, "a", batch.batch, lambda: at)


def test_only_an_error_is_resumed(world: Callable[..., World]) -> None:
    """A campaign that is well has nothing to lift."""
    campaign = world()
    with pytest.raises(UsageError) as raised:
        resume(campaign.engine.ledger, campaign.engine.manifest)
    assert "The campaign 'spring' is not in Error.\n  Next: outcamp status spring shows its state." == str(raised.value)


def test_the_states_follow_from_the_facts(world: Callable[..., World]) -> None:
    """Before, during, paused and after: Active, Active, Paused, Completed; the sums add up all the while."""
    campaign = world()
    assert ("Active", NOW) == (status(campaign).state, status(campaign).next_at)
    (batch,) = campaign.batches()
    assert ("Active", 2) == (status(campaign).state, status(campaign).counts.in_hand)
    assert "Paused" == status(campaign, paused=("spring",)).state
    send(campaign.engine, RUN, batch.batch, lambda: NOW)
    feed_back(campaign.engine, RUN, NOW)
    done = status(campaign)
    assert ("Completed", None, True) == (done.state, done.next_at, done.balanced)
    assert (2, 2, (("sms", "delivered", 2),)) == (done.counts.candidates, done.counts.submitted, done.counts.dispositions)


def test_a_campaign_that_repeats_stays_active(world: Callable[..., World]) -> None:
    """Its next moment is the next occurrence."""
    campaign = world(DAILY)
    (batch,) = campaign.batches()
    send(campaign.engine, RUN, batch.batch, lambda: NOW)
    assert ("Active", NOW + timedelta(days=1)) == (status(campaign).state, status(campaign).next_at)


def test_heal_gives_a_wave_to_what_a_dead_wave_held(world: Callable[..., World]) -> None:
    """A run that was deleted in mid-wave leaves nobody behind."""
    campaign = world()
    campaign.batches()
    assert frozenset({"spring"}) == unfinished(campaign.engine.ledger, ["spring"])
    heal(campaign.engine, NOW)
    assert [("ada", 1, "waiting"), ("ben", 1, "waiting")] == campaign.attempts()
    assert [(run_key(NOW + MINUTE, 1), NOW + MINUTE)] == campaign.runs.made


def test_a_run_is_asked_for_only_while_no_earlier_one_is_to_come(world: Callable[..., World]) -> None:
    """Waves do not pile up; an earlier due time gets its run, and a run that was deleted is made again."""
    campaign = world()
    campaign.filtered()
    planned = PlannedRuns(campaign.engine.ledger, "spring", campaign.runs)
    for minutes in (5, 7, 3):
        at = NOW + minutes * MINUTE
        planned.make(run_key(at, 1), at)
        campaign.runs.alive = {run for run, _ in campaign.runs.made}
    assert [5, 3] == [(at - NOW) // MINUTE for _, at in campaign.runs.made]
    campaign.runs.alive.clear()
    planned.make(run_key(NOW + 7 * MINUTE, 1), NOW + 7 * MINUTE)
    assert [5, 3, 7] == [(at - NOW) // MINUTE for _, at in campaign.runs.made]


def test_a_run_whose_wave_is_open_is_no_reason_to_wait(world: Callable[..., World]) -> None:
    """It has taken what was due already, so the next one is made."""
    campaign = world(CLOSED)
    campaign.filtered()
    planned = PlannedRuns(campaign.engine.ledger, "spring", campaign.runs)
    first, second = NOW + MINUTE, NOW + 2 * MINUTE
    planned.make(run_key(first, 1), first)
    campaign.runs.alive = {run_key(first, 1)}
    campaign.due(first)
    planned.make(run_key(second, 1), second)
    assert [first, second] == [at for _, at in campaign.runs.made]


def test_a_submission_without_an_answer_at_the_expiry_is_settled_later(world: Callable[..., World]) -> None:
    """Its entry keeps the campaign from being forgotten until the dead wave has given it up."""
    after = NOW + timedelta(days=2)
    campaign = world("schedule: {start: 2026-12-01 15:00, time_zone: UTC, expires: 2026-12-02 15:00}\n")
    (batch,) = campaign.batches()
    send(campaign.engine, RUN, batch.batch, lambda: NOW)
    campaign.change("UPDATE outcamp.attempts SET state = 'submitting', disposition = NULL, disposed_at = NULL WHERE recipient_id = 'ben'")
    campaign.change("UPDATE outcamp.entries SET exited_at = NULL, exit_reason = NULL WHERE recipient_id = 'ben'")
    feed_back(campaign.engine, RUN, after)
    assert frozenset({"spring"}) == unfinished(campaign.engine.ledger, ["spring"])
    heal(campaign.engine, after)
    assert [("ada", "finished"), ("ben", "expired")] == campaign.exits()
    assert [("unknown",)] == campaign.rows("SELECT disposition FROM outcamp.attempts WHERE recipient_id = 'ben'")
