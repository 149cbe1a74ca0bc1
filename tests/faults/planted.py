"""Faults that are planted into the product, one at a time: the harness is worth what it catches of these.

Each is a context manager; while it lasts, one named query or one function of the product is a faulty one.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pyarrow as pa

from faults.planted_waits import (
    claimed_without_approval,
    late_ones_delay_nobody,
    newest_answer_stands,
    question_forgotten,
    rejection_leaves_entries,
    sent_without_approval,
    turn_before_its_time,
    turns_forgotten,
    turns_of_its_own,
)
from faults.planting import Fault, Planted, both, edited, rewritten, swapped
from outcamp.steps import filter as filtering
from outcamp.steps import heal, second_look, snapshot
from outcamp.steps import ingest as ingesting
from outcamp.steps import send as sending
from outcamp.steps.engine import Engine
from outcamp.store import admission, campaigns, retention, submission, waves
from outcamp.store.sql import queries


def checkpoint_before_send() -> AbstractContextManager[Any]:
    """The row is called sent before the transport has it."""
    return edited("submit", "SET state = 'submitting'", "SET state = 'sent'")


def count_after_send() -> AbstractContextManager[Any]:
    """A submission counts towards limits only when its answer is written down."""
    return both(
        edited("submit", "counted_at = %(now)s", "counted_at = NULL"),
        edited("record-answers", "ELSE a.counted_at END", "ELSE a.submitted_at END"),
    )


def missing_lock() -> AbstractContextManager[Any]:
    """Nobody waits for anybody before counting."""
    return edited("lock-buckets", "pg_advisory_xact_lock(%(scope)s, bucket)", "%(scope)s::int + bucket")


def claim_without_owner() -> AbstractContextManager[Any]:
    """A wave claims what is due without asking whose it is already."""
    return edited("claim-due", "state = 'waiting'\n", "state IN ('waiting', 'claimed', 'submitting')\n")


def readmission() -> AbstractContextManager[Any]:
    """A snapshot that is repeated under another run opens the occurrence once more."""
    original = waves.open_occurrence

    def open_occurrence(tx: Any, campaign_id: int, scheduled_at: Any, *others: Any, **named: Any) -> Any:
        found = original(tx, campaign_id, scheduled_at, *others, **named)
        return found or original(tx, campaign_id, scheduled_at + timedelta(microseconds=1), *others, **named)

    return swapped(waves, "open_occurrence", open_occurrence)


def stale_token() -> AbstractContextManager[Any]:
    """An earlier try goes on beside a newer one. The row's state would still hold it back, so that fence is down as well."""
    return both(
        swapped(waves, "holds_token", lambda *_: True),
        edited("submit", "a.state::text = r.held", "a.state::text IN (r.held, 'submitting')"),
    )


def window_only_planned() -> AbstractContextManager[Any]:
    """The send trusts the filter's look at the window."""
    return swapped(second_look, "next_open_column", _open_at_once)


def _open_at_once(_times: Any, zones: pa.Array, now: Any, _expires_at: Any) -> pa.Array:
    return pa.array([now] * len(zones), pa.timestamp("us", tz="UTC"))


def limits_only_planned() -> AbstractContextManager[Any]:
    """The send trusts the filter's look at the limits."""
    trusting = SimpleNamespace(**vars(admission) | {"over_limits": lambda *_, **__: ([], [])})
    return swapped(second_look, "admission", trusting)


def future_forgotten() -> AbstractContextManager[Any]:
    """A look at the limits counts nothing that lies in the future, as a clock that was set back leaves it."""
    was, forgotten = "a.counted_at > %(now)s", "a.counted_at <= %(now)s AND a.counted_at > %(now)s"
    return both(edited("over-limits", was, forgotten), edited("over-limits-ever", was, forgotten))


def moves_forgotten() -> AbstractContextManager[Any]:
    """A look at the limits does not ask what has been moved out of its sight."""
    return swapped(retention, "newest", lambda *_: None)


def expiry_only_planned() -> AbstractContextManager[Any]:
    """The send does not ask whether the campaign has expired meanwhile; the look at the window, which knows the expiry, is gone as well."""
    return both(
        swapped(second_look, "next_open_column", _open_at_once),
        edited("halt-of-campaign", "WHEN expires_at <= %(now)s THEN 'expired'", "WHEN expires_at <= %(now)s THEN NULL"),
    )


def dead_waves_keep() -> AbstractContextManager[Any]:
    """What a dead wave holds is not given back."""
    return edited("give-back-claims", "AND state = 'claimed'", "AND state = 'claimed' AND false")


def everybody_is_dead() -> AbstractContextManager[Any]:
    """A wave takes what the others hold without asking whether they live."""
    original = snapshot._release  # noqa: SLF001 - the only place that asks

    def release(engine: Engine, *args: Any) -> Any:
        runs = SimpleNamespace(live=lambda _runs: set(), make=engine.runs.make, again=engine.runs.again)
        return original(replace(engine, runs=runs), *args)

    return swapped(snapshot, "_release", release)


def crash_sends_again() -> AbstractContextManager[Any]:
    """A submission without an answer is taken for one that was not made."""
    doubt = "doubt-submissions-of-batch"
    given_back = (
        queries()[doubt]
        .rstrip(";")
        .replace(
            "SET state = 'closed', disposition = 'unknown', disposed_at = %(now)s",
            "SET state = CASE WHEN %(now)s IS NULL THEN state ELSE 'claimed' END",
        )
    )
    return rewritten(doubt, f"WITH again AS ({given_back}) SELECT a.* FROM again a WHERE false")


def decided_again() -> AbstractContextManager[Any]:
    """A repeated filter does not find what the first one decided."""
    return swapped(filtering, "_decided", lambda *_: None)


def early_outcome_lost() -> AbstractContextManager[Any]:
    """An outcome that comes before the answer is written down meets no attempt, and is forgotten."""
    return edited("record-outcomes", "IN ('submitting', 'sent', 'closed')", "IN ('sent', 'closed')")


def followed_twice() -> AbstractContextManager[Any]:
    """A truth that replaces a doubt makes another reattempt."""
    return edited("follow", "WHERE NOT EXISTS (SELECT FROM outcamp.attempts n", "WHERE true OR NOT EXISTS (SELECT FROM outcamp.attempts n")


def halts_forgotten(*halts: str) -> AbstractContextManager[Any]:
    """The send does not ask for these reasons not to send."""
    original = campaigns.halt

    def halt(tx: Any, campaign_id: int, now: Any) -> Any:
        reason, any_suppressed = original(tx, campaign_id, now)
        return None if reason in halts else reason, any_suppressed

    return swapped(second_look, "campaigns", SimpleNamespace(**vars(campaigns) | {"halt": halt}))


def stop_only_planned() -> AbstractContextManager[Any]:
    """The send does not ask whether somebody has stopped the campaign meanwhile."""
    return halts_forgotten("stopped", "deleted")


def error_only_planned() -> AbstractContextManager[Any]:
    """The send does not ask whether the campaign is in Error."""
    return halts_forgotten("error")


def pause_forgotten() -> AbstractContextManager[Any]:
    """The send goes on while the campaign is paused."""
    original = sending.look_again

    def look_again(*args: Any, **options: Any) -> Any:
        return original(*args, **options | {"paused": False})

    return swapped(sending, "look_again", look_again)


def suppression_only_planned() -> AbstractContextManager[Any]:
    """The send does not look at the list again."""
    original = campaigns.halt

    def halt(*args: Any) -> Any:
        return original(*args)[0], False

    return swapped(second_look, "campaigns", SimpleNamespace(**vars(campaigns) | {"halt": halt}))


def opt_outs_forgotten() -> AbstractContextManager[Any]:
    """An opt-out suppresses nobody."""
    return both(swapped(ingesting, "suppress_by_outcome", lambda *_: 0), swapped(sending, "suppress_by_outcome", lambda *_: 0))


def hand_back_without_fence() -> AbstractContextManager[Any]:
    """A try hands back rows that are not in its hands any more."""
    return edited("hand-back", "AND a.state::text = r.held AND a.wave_id = r.wave_id", "AND r.held = 'claimed' AND r.wave_id > 0")


def take_back_without_fence() -> AbstractContextManager[Any]:
    """What was not taken waits again, even when a newer try or an outcome has spoken already."""
    return edited("take-back", "AND a.state::text = r.held AND a.token = r.token", "AND a.token = r.token")


def taken_back_and_kept() -> AbstractContextManager[Any]:
    """What the other side did not take is left as if it were on its way."""
    return swapped(sending, "submission", SimpleNamespace(**vars(submission) | {"take_back": lambda *_: 0}))


def silence_beats_truth() -> AbstractContextManager[Any]:
    """The deadline writes no_outcome over an outcome that is known."""
    return edited("set-no-outcome", "state = 'sent'", "state IN ('sent', 'closed') AND disposition IS DISTINCT FROM 'no_outcome'")


def answer_after_doubt_lost() -> AbstractContextManager[Any]:
    """An answer that comes after a newer try has put the row in doubt is forgotten."""
    return edited("record-answers", "OR a.state::text = 'closed' AND a.disposition = 'unknown'", "")


def doubt_does_not_count() -> AbstractContextManager[Any]:
    """A submission without an answer stops counting."""
    return edited("doubt-submissions-of-batch", "disposition = 'unknown',", "disposition = 'unknown', counted_at = NULL,")


def deferred_row_lost() -> AbstractContextManager[Any]:
    """Who is in the campaign already is told to wait, and not written down."""
    return edited("defer-rows", "ON CONFLICT", "WHERE false ON CONFLICT")


def nobody_heals() -> AbstractContextManager[Any]:
    """The pulse makes no waves: what a dying feed_back did not make is never made."""
    return swapped(heal, "make_next_wave", lambda *_: None)


def occurrence_forgotten() -> AbstractContextManager[Any]:
    """The pulse does not take up an occurrence whose wave died before everybody was decided."""
    return swapped(heal, "take_up_occurrence", lambda *_: None)


def expiry_leaves_entries() -> AbstractContextManager[Any]:
    """Whoever waits when the campaign expires is not sent to, and stays in the campaign; the last wave does not end them either."""
    return both(
        edited("put-off", "WHERE m.state = 'closed'", "WHERE m.state = 'closed' AND m.reason <> 'expired'"),
        edited("exit-at-expiry", "AND e.exited_at IS NULL", "AND e.exited_at IS NULL AND false"),
    )


def stop_leaves_entries() -> AbstractContextManager[Any]:
    """A stop lets those who wait stay in the campaign."""
    return edited("exit-entries", "AND e.exited_at IS NULL", "AND e.exited_at IS NULL AND false")


def stop_forgets_the_late() -> AbstractContextManager[Any]:
    """Who comes to wait after the stop, because their message was on its way or their wave died, stays in the campaign."""
    return swapped(ingesting, "stops", SimpleNamespace(let_go=lambda *_: 0))


def rules_without_end() -> AbstractContextManager[Any]:
    """A reattempt rule is never used up."""
    return edited("follow", "r.times > (SELECT count(*)", "r.times >= 0 * (SELECT count(*)")


def stood_still() -> AbstractContextManager[Any]:
    """A process that stood still after its look at everything submits what it had in hand, however long that was."""
    return swapped(sending, "PROMPT", timedelta(days=1000))


def _planted(fault: Fault, *caught_by: str, profile: str | None = None) -> Planted:
    return Planted(fault.__name__, fault, frozenset(caught_by), profile)


CATALOGUE = (
    _planted(checkpoint_before_send, "doubts"),
    _planted(count_after_send, "counted", "limits", profile="crowd"),
    _planted(missing_lock, "limits", profile="crowd"),
    _planted(claim_without_owner, "twice", "doubts", "diary", profile="lively"),
    _planted(readmission, "twice", profile="again"),
    _planted(stale_token, "twice", "diary", profile="twins"),
    _planted(window_only_planned, "windows"),
    _planted(stood_still, "windows"),
    _planted(limits_only_planned, "limits"),
    _planted(future_forgotten, "limits", profile="slips"),
    _planted(moves_forgotten, "limits", profile="moved"),
    _planted(expiry_only_planned, "windows"),
    _planted(stop_only_planned, "halted", profile="held"),
    _planted(error_only_planned, "halted", profile="held"),
    _planted(pause_forgotten, "halted", profile="held"),
    _planted(suppression_only_planned, "suppressed", profile="held"),
    _planted(dead_waves_keep, "rest", profile="again"),
    _planted(everybody_is_dead, "doubts"),
    _planted(crash_sends_again, "twice", profile="doubt"),
    _planted(opt_outs_forgotten, "suppressed", profile="lively"),
    _planted(turns_forgotten, "paced", profile="paced"),
    _planted(turns_of_its_own, "paced", profile="paced"),
    _planted(turn_before_its_time, "paced", profile="paced"),
    _planted(late_ones_delay_nobody, "paced", profile="paced"),
    _planted(sent_without_approval, "reviewed", profile="reviewed"),
    _planted(claimed_without_approval, "reviewed", profile="reviewed"),
    _planted(newest_answer_stands, "reviewed", profile="contradicted"),
    _planted(rejection_leaves_entries, "rest", profile="reviewed"),
    _planted(question_forgotten, "rest", profile="reviewed"),
    _planted(hand_back_without_fence, "diary", "twice", profile="twins"),
    _planted(take_back_without_fence, "diary", "twice", "rest", profile="twins"),
    _planted(taken_back_and_kept, "doubts"),
    _planted(decided_again, "errors", "verdicts", profile="again"),
    _planted(early_outcome_lost, "told", profile="lively"),
    _planted(silence_beats_truth, "told"),
    _planted(answer_after_doubt_lost, "told", profile="twins"),
    _planted(doubt_does_not_count, "counted"),
    _planted(followed_twice, "errors", profile="doubt"),
    _planted(rules_without_end, "twice", profile="doubt"),
    _planted(deferred_row_lost, "deferred"),
    _planted(nobody_heals, "rest"),
    _planted(occurrence_forgotten, "verdicts", "rest", profile="again"),
    _planted(expiry_leaves_entries, "rest"),
    _planted(stop_leaves_entries, "rest", profile="ended"),
    _planted(stop_forgets_the_late, "rest", profile="ended"),
)
