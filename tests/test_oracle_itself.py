"""The oracle of a whole campaign, pinned by small scenarios that were worked out by hand: waves, reattempts, limits, entries, expiry."""

from __future__ import annotations

import pytest

from oracle.scenario import ANN, BEN, BLOCKED, attempts, contact, outcome, reasons, run, verdicts


def test_a_message_goes_at_once_and_ends_well_at_once():
    """With nothing in the way, a recipient is sent to in the first wave and the message is delivered."""
    result = run()
    assert [("06-01 10:00", "ann", 1, "send", None, None)] == verdicts(result)
    assert [(1, "sms", "06-01 10:00", "delivered", "06-01 10:00", True, None)] == attempts(result)
    assert {"candidates": 1, "verdicts": {"send": 1}, "reasons": {}, "balanced": True} == result.summary


def test_what_a_wave_makes_due_goes_with_the_next_wave():
    """A reattempt without a wait, after an outcome without a delay, goes one wave interval later."""
    result = run(outcomes=[outcome(1, "blocked", 0)], reattempts=[BLOCKED])
    assert [
        (1, "sms", "06-01 10:00", "blocked", "06-01 10:00", False, None),
        (2, "automated_voice", "06-01 10:01", "answered", "06-01 10:01", True, 0),
    ] == attempts(result)


def test_an_outcome_at_the_instant_of_a_wave_is_taken_in_by_it():
    """A wave takes in what has happened by then before it decides, so what is due at once goes with that very wave."""
    result = run(outcomes=[outcome(1, "blocked", 60)], reattempts=[BLOCKED])
    assert ["06-01 10:00", "06-01 10:01"] == [row[2] for row in attempts(result)]


def test_a_wait_counts_from_the_disposition_and_ends_with_the_next_wave():
    """Blocked after 30 seconds and 30 minutes of waiting make 10:30:30, which the wave of 10:31 handles."""
    result = run(outcomes=[outcome(1, "blocked", 30)], reattempts=[{**BLOCKED, "wait": "30 minutes"}])
    assert [
        (1, "sms", "06-01 10:00", "blocked", "06-01 10:00:30", False, None),
        (2, "automated_voice", "06-01 10:31", "answered", "06-01 10:31", True, 0),
    ] == attempts(result)


def test_an_occurrence_runs_at_its_own_instant_and_all_else_on_the_grid():
    """An occurrence at 10:02:30 is not rounded; its reattempt goes at the next multiple of five minutes."""
    result = run(at="2026-06-01 10:02:30", outcomes=[outcome(1, "blocked", 0)], reattempts=[BLOCKED], wave_interval=300)
    assert ["06-01 10:02:30", "06-01 10:05"] == [row[2] for row in attempts(result)]


def test_an_unknown_submission_counts_and_may_be_named_by_a_rule():
    """It is another thing than a missing outcome, for which there is a rule of its own."""
    rules = [{"when": ["no_outcome"], "channel": "email"}, {"when": ["unknown"], "channel": "sms", "wait": "1 hour"}]
    result = run(outcomes=[outcome(1, "unknown", 30)], reattempts=rules)
    assert [
        (1, "sms", "06-01 10:00", "unknown", "06-01 10:00:30", True, None),
        (2, "sms", "06-01 11:01", "delivered", "06-01 11:01", True, 1),
    ] == attempts(result)


def test_a_rule_is_used_as_often_as_its_times_and_then_the_next_one():
    """Busy three times uses the first rule twice and the second once; the fourth disposition ends the entry."""
    rules = [
        {"when": ["busy", "unreachable"], "channel": "agent_voice", "wait": "1 hour", "times": 2},
        {"when": ["busy"], "channel": "agent_voice", "wait": "2 hours"},
    ]
    given = [outcome(1, "unreachable", 0), *[outcome(n, "busy", 60, "agent_voice") for n in (2, 3, 4, 5)]]
    assert [
        (1, "sms", "06-01 10:00", "unreachable", "06-01 10:00", False, None),
        (2, "agent_voice", "06-01 11:00", "busy", "06-01 11:01", True, 0),
        (3, "agent_voice", "06-01 12:01", "busy", "06-01 12:02", True, 0),
        (4, "agent_voice", "06-01 14:02", "busy", "06-01 14:03", True, 1),
    ] == attempts(run(outcomes=given, reattempts=rules))


@pytest.mark.parametrize(
    ("after", "disposition", "disposed_at", "counted"),
    [(3600, "blocked", "06-01 11:00", False), (3601, "no_outcome", "06-01 11:00", True)],
)
def test_an_outcome_after_the_deadline_is_too_late(after, disposition, disposed_at, counted):
    """One that happens exactly at the channel's deadline is in time; one a second later finds the attempt without an outcome."""
    result = run(outcomes=[outcome(1, "blocked", after)], channels={"sms": {"outcome_deadline": "1 hour"}})
    assert [(1, "sms", "06-01 10:00", disposition, disposed_at, counted, None)] == attempts(result)


def test_a_text_message_without_an_outcome_is_given_72_hours():
    """A missing outcome may call for a reattempt like any other disposition."""
    rules = [{"when": ["no_outcome"], "channel": "email", "wait": "1 hour"}]
    result = run(outcomes=[outcome(1, "delivered", 30 * 86_400)], reattempts=rules)
    assert [
        (1, "sms", "06-01 10:00", "no_outcome", "06-04 10:00", True, None),
        (2, "email", "06-04 11:00", "delivered", "06-04 11:00", True, 0),
    ] == attempts(result)


@pytest.mark.parametrize(
    ("moment", "verdict"),
    [("2026-05-31 10:00:00", "send"), ("2026-05-31 10:00:00.000001", "drop"), ("2026-06-01 10:00:00", "drop")],
)
def test_a_limit_looks_at_the_rolling_window_before_now(moment, verdict):
    """The window is (now - within, now]: a contact exactly one day ago has left a window of one day."""
    result = run(history=[contact(moment)], communication_limits=[{"count": 1, "within": "1 day"}])
    assert [verdict] == [row["verdict"] for row in result.verdicts]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [("active_campaigns", [("ann", "over_limit"), ("ben", "send")]), ("all_campaigns", [("ann", "over_limit"), ("ben", "over_limit")])],
)
def test_finished_campaigns_count_only_if_all_campaigns_do(counts, expected):
    """Ann was contacted by a campaign that is active, Ben by one that is not."""
    history = [contact("06-01 09:00"), contact("06-01 09:00", active=False, recipient_id="ben")]
    limits = [{"count": 1, "within": "2 hours"}]
    assert expected == reasons(run([ANN, BEN], history=history, communication_limits=limits, counts=counts))


def test_a_campaign_always_counts_its_own_and_nothing_before_its_time():
    """Ann was contacted by this very campaign, Ben will be by another one in an hour: that counts from then on."""
    own = {**contact("06-01 09:00", active=False), "campaign": "case"}
    history = [own, contact("06-01 11:00", recipient_id="ben")]
    schedule = {"start": "now", "repeat": "every 2 hours"}
    result = run(
        [ANN, BEN], history=history, communication_limits=[{"count": 2, "within": "4 hours"}], schedule=schedule, until="06-01 12:00"
    )
    assert [("ann", "send"), ("ben", "send"), ("ann", "over_limit"), ("ben", "over_limit")] == reasons(result)


@pytest.mark.parametrize(("disposition", "second"), [("blocked", "send"), ("delivered", "drop")])
def test_what_never_arrived_stops_counting(disposition, second):
    """With one message a week, the next day's occurrence may send only if the first message was proved undelivered."""
    schedule = {"start": "now", "time_zone": "UTC", "repeat": "daily"}
    limits = [{"count": 1, "within": "1 week"}]
    result = run(outcomes=[outcome(1, disposition, 60)], communication_limits=limits, schedule=schedule, until="06-02 12:00")
    assert [(0, "send"), (1, second)] == [(row["occurrence"], row["verdict"]) for row in result.verdicts]


def test_a_deferred_attempt_waits_until_all_broken_limits_are_whole():
    """Two in a day are free again when the second newest is a day old, three in a week when the third newest is: the later one decides."""
    history = [contact("05-28 10:00"), contact("06-01 08:00"), contact("06-01 09:00")]
    limits = [{"count": 2, "within": "1 day"}, {"count": 3, "within": "1 week"}]
    assert [
        ("06-01 10:00", "ann", 1, "later", "over_limit", "06-04 10:00"),
        ("06-04 10:00", "ann", 1, "send", None, None),
    ] == verdicts(run(history=history, communication_limits=limits, on_limit="defer"))


def test_a_deferral_to_the_expiry_is_a_drop():
    """A limit that is whole again only at the expiry drops the recipient at once."""
    schedule = {"start": "now", "time_zone": "UTC", "expires": "2026-06-02 09:00"}
    limits = [{"count": 1, "within": "1 day"}]
    result = run(history=[contact("06-01 09:00")], communication_limits=limits, on_limit="defer", schedule=schedule)
    assert [("06-01 10:00", "ann", 1, "drop", "over_limit", None)] == verdicts(result)


def test_a_recipient_with_an_open_entry_is_not_admitted_again():
    """Ann's message of Monday has no outcome yet on Tuesday; on Wednesday it has."""
    schedule = {"start": "now", "time_zone": "UTC", "repeat": "daily"}
    result = run(outcomes=[outcome(1, "delivered", 90_000)], schedule=schedule, until="06-03 12:00")
    assert [
        ("06-01 10:00", "ann", 1, "send", None, None),
        ("06-02 10:00", "ann", 1, "drop", "already_in_campaign", None),
        ("06-03 10:00", "ann", 1, "send", None, None),
    ] == verdicts(result)


def test_a_deferred_row_enters_when_the_open_entry_exits():
    """The row of Tuesday waits; the outcome of 11:00:30 frees it for the wave of 11:01, and it keeps its occurrence."""
    schedule = {"start": "now", "time_zone": "UTC", "repeat": "daily"}
    given = [outcome(1, "delivered", 90_030)]
    result = run(outcomes=given, schedule=schedule, while_active="defer", until="06-02 12:00")
    assert [
        ("06-01 10:00", "ann", 1, "send", None, None),
        ("06-02 10:00", "ann", 1, "later", "already_in_campaign", None),
        ("06-02 11:01", "ann", 1, "send", None, None),
    ] == verdicts(result)
    assert [0, 1, 1] == [row["occurrence"] for row in result.verdicts]


def test_the_latest_occurrence_wins_over_a_deferred_row():
    """Ann's deferred row of Tuesday is replaced by the one of Wednesday, and only that one enters."""
    schedule = {"start": "now", "time_zone": "UTC", "repeat": "daily"}
    given = [outcome(1, "delivered", 60 * 3600)]
    result = run(outcomes=given, schedule=schedule, while_active="defer", until="06-04 00:00")
    assert [0, 1, 2, 2] == [row["occurrence"] for row in result.verdicts]
    assert "06-03 22:00" == verdicts(result)[-1][0]


def test_a_deferred_row_is_checked_like_a_new_recipient():
    """Somebody who may enter once has used that up when the deferred row is taken up."""
    schedule = {"start": "now", "time_zone": "UTC", "repeat": "daily"}
    result = run(
        outcomes=[outcome(1, "delivered", 90_000)],
        schedule=schedule,
        while_active="defer",
        entry_limits={"max": 1},
        until="06-02 12:00",
    )
    assert ("06-02 11:00", "ann", 1, "drop", "entry_limit", None) == verdicts(result)[-1]


def test_entries_are_limited_in_number_and_by_the_time_between_them():
    """With two days between entries and two in all, Monday and Wednesday enter."""
    schedule = {"start": "now", "time_zone": "UTC", "repeat": "daily"}
    result = run(schedule=schedule, entry_limits={"max": 2, "min_interval": "2 days"}, until="06-06 00:00")
    assert ["send", "drop", "send", "drop", "drop"] == [row["verdict"] for row in result.verdicts]
    assert {"entry_limit": 3} == result.summary["reasons"]


def test_what_waits_at_the_expiry_is_expired_and_later_outcomes_are_written_down():
    """Ann waits for her reattempt at the expiry; Ben waits for an outcome, which comes later and makes no reattempt."""
    schedule = {"start": "now", "time_zone": "UTC", "expires": "2026-06-01 10:30"}
    given = [outcome(1, "blocked", 0), outcome(1, "blocked", 3600, recipient_id="ben")]
    result = run([ANN, BEN], outcomes=given, reattempts=[{**BLOCKED, "wait": "1 hour"}], schedule=schedule)
    assert [
        ("06-01 10:00", "ann", 1, "send", None, None),
        ("06-01 10:00", "ben", 1, "send", None, None),
        ("06-01 10:30", "ann", 2, "drop", "expired", None),
    ] == verdicts(result)
    assert [
        (1, "sms", "06-01 10:00", "blocked", "06-01 10:00", False, None),
        (1, "sms", "06-01 10:00", "blocked", "06-01 11:00", False, None),
    ] == attempts(result)


def test_a_deferred_row_expires_too():
    """The second occurrence's row is still waiting for the first entry when the campaign expires."""
    schedule = {"start": "now", "time_zone": "UTC", "repeat": "daily", "expires": "2026-06-02 20:00"}
    result = run(outcomes=[outcome(1, "delivered", 70 * 3600)], schedule=schedule, while_active="defer")
    assert ("06-02 20:00", "ann", 1, "drop", "expired", None) == verdicts(result)[-1]
    assert ["delivered"] == [row[3] for row in attempts(result)]


@pytest.mark.parametrize(("until", "disposition"), [("2026-06-01 10:00:29", None), ("2026-06-01 10:00:30", "delivered")])
def test_outcomes_are_taken_in_up_to_and_including_until(until, disposition):
    """Also where no wave runs at that instant."""
    assert [disposition] == [row["disposition"] for row in run(outcomes=[outcome(1, "delivered", 30)], until=until).attempts]


def test_each_occurrence_takes_its_own_rows_if_the_segment_says_so():
    """Ann belongs to the first occurrence and Ben to the second."""
    schedule = {"start": "now", "time_zone": "UTC", "repeat": "hourly"}
    result = run([{**ANN, "occurrence": 0}, {**BEN, "occurrence": 1}], schedule=schedule, until="06-01 12:30")
    assert [("06-01 10:00", "ann"), ("06-01 11:00", "ben")] == [row[:2] for row in verdicts(result)]


def test_a_setting_that_the_oracle_does_not_know_is_refused():
    """It says so, rather than simulate another campaign."""
    with pytest.raises(ValueError, match=r"does not understand \['review'\]"):
        run(review=True)


def test_a_repeat_without_an_end_is_refused():
    """Without an expiry and without until it would never end."""
    with pytest.raises(ValueError, match="needs until"):
        run(schedule={"start": "now", "time_zone": "UTC", "repeat": "daily"})
