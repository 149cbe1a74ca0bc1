"""The oracle of a whole campaign, pinned by small scenarios that were worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from oracle.campaign_oracle import Result, simulate_by_hand
from oracle.open_times import OpenTimes
from oracle.schedule import occurrences_of

ANN = {"recipient_id": "ann", "phone": "+12127365000", "email": "ann@acme.com"}  # New York
BEN = {"recipient_id": "ben", "phone": "+13125550142", "email": "ben@acme.com"}  # Chicago
OFFICE_HOURS = [{"days": "mon-fri", "from": "09:00", "to": "12:00"}]
BLOCKED = {"when": ["blocked"], "channel": "automated_voice", "wait": "0 minutes"}


def utc(text: str) -> datetime:
    """Read ``"06-01 10:00"`` (of 2026) or a whole date as an instant in UTC."""
    return datetime.fromisoformat(text if len(text) > 14 else f"2026-{text}").replace(tzinfo=UTC)


def clock(instant: datetime | None) -> str | None:
    """Write an instant of 2026 shortly, with seconds only when there are some."""
    return instant and instant.strftime("%m-%d %H:%M" + (":%S" if instant.second else ""))


def outcome(attempt: int, disposition: str, after: int, channel: str = "sms", recipient_id: str = "ann") -> dict[str, Any]:
    return {"recipient_id": recipient_id, "attempt": attempt, "channel": channel, "disposition": disposition, "after": after}


def contact(moment: str, *, active: bool = True, recipient_id: str = "ann") -> dict[str, Any]:
    campaign = "running" if active else "done"
    return {"recipient_id": recipient_id, "campaign": campaign, "contacted_at": utc(moment), "active": active}


def run(recipients: list[dict[str, Any]] | None = None, at: str = "06-01 10:00", **given: Any) -> Result:
    """Simulate a plain text message campaign (2026-06-01 is a Monday), with whatever the test changes about it."""
    data = {"history": [], "outcomes": [], "until": None, "wave_interval": 60, "suppressions": None}
    rest = {name: given.pop(name, default) for name, default in data.items()}
    if rest["until"] is not None:
        rest["until"] = utc(rest["until"])
    campaign = {"name": "case", "channel": "sms", "schedule": {"start": "now", "time_zone": "UTC"}, **given}
    return simulate_by_hand(campaign, recipients or [ANN], rest.pop("history"), rest.pop("outcomes"), utc(at), **rest)


def verdicts(result: Result) -> list[tuple[Any, ...]]:
    """List (wave, recipient, attempt, verdict, reason, due) of each verdict, in order of the waves."""
    assert result.summary["balanced"]
    return [(clock(v["wave_at"]), v["recipient_id"], v["attempt"], v["verdict"], v["reason"], clock(v["due_at"])) for v in result.verdicts]


def attempts(result: Result) -> list[tuple[Any, ...]]:
    """List (attempt, channel, sent, disposition, disposed, counted, rule) of each attempt."""
    return [
        (a["attempt"], a["channel"], clock(a["sent_at"]), a["disposition"], clock(a["disposed_at"]), a["counted"], a["rule"])
        for a in result.attempts
    ]


def reasons(result: Result) -> list[tuple[str, str | None]]:
    """List (recipient, reason) of each verdict, the verdict itself where it has no reason."""
    assert result.summary["balanced"]
    return [(v["recipient_id"], v["reason"] or v["verdict"]) for v in result.verdicts]


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


def test_a_closed_window_makes_a_recipient_wait_for_the_next_opening():
    """Monday 12:00 is outside of [09:00, 12:00), so the message goes on Tuesday at 09:00 in the recipient's zone."""
    times = {"time_zone": "America/New_York", "active": OFFICE_HOURS}
    assert [
        ("06-01 16:00", "ann", 1, "later", "window_closed", "06-02 13:00"),
        ("06-02 13:00", "ann", 1, "send", None, None),
    ] == verdicts(run(at="06-01 16:00", communication_time=times))


def test_stop_early_moves_the_end_of_a_window():
    """With two minutes of stop_early, 11:57:59 is open and 11:58 is closed."""
    times = {"time_zone": "UTC", "active": OFFICE_HOURS, "stop_early": "2 minutes"}
    assert ["send"] == [row["verdict"] for row in run(at="2026-06-01 11:57:59", communication_time=times, until="06-01 12:00").verdicts]
    assert ["later"] == [row["verdict"] for row in run(at="2026-06-01 11:58:00", communication_time=times, until="06-01 12:00").verdicts]


def test_what_is_rounded_past_the_end_of_a_window_waits_for_the_next_one():
    """A reattempt due at 11:58 meets the five-minute wave of 12:00, when the window is closed; it goes the next morning, never outside."""
    times = {"time_zone": "UTC", "active": OFFICE_HOURS}
    rules = [{**BLOCKED, "wait": "1 hour"}]
    result = run(at="06-01 10:58", outcomes=[outcome(1, "blocked", 0)], reattempts=rules, communication_time=times, wave_interval=300)
    assert [
        ("06-01 10:58", "ann", 1, "send", None, None),
        ("06-01 12:00", "ann", 2, "later", "window_closed", "06-02 09:00"),
        ("06-02 09:00", "ann", 2, "send", None, None),
    ] == verdicts(result)


def test_windows_and_exceptions_hold_for_their_channels_only():
    """Text messages rest on the holiday and have a window on Saturday; the channel without windows is always open."""
    times = {
        "time_zone": "UTC",
        "active": [{"days": ["sat", "mon-tue"], "from": "10:00", "to": "14:00", "channels": ["sms"]}],
        "exceptions": [{"name": "Holiday", "date": "2026-06-01", "channels": ["sms"]}],
    }
    result = run(
        at="06-01 10:00", communication_time=times, outcomes=[outcome(1, "blocked", 0)], reattempts=[{**BLOCKED, "wait": "8 hours"}]
    )
    assert [
        ("06-01 10:00", "ann", 1, "later", "window_closed", "06-02 10:00"),
        ("06-02 10:00", "ann", 1, "send", None, None),
        ("06-02 18:00", "ann", 2, "send", None, None),
    ] == verdicts(result)


def test_an_exception_includes_its_last_day():
    """Closed from Monday to Wednesday, the next opening is on Thursday."""
    times = {
        "time_zone": "UTC",
        "active": OFFICE_HOURS,
        "exceptions": [{"name": "Days off", "from": "2026-06-01", "to": "2026-06-03"}],
    }
    assert "06-04 09:00" == verdicts(run(communication_time=times, until="06-02 00:00"))[0][-1]


def test_an_hour_that_the_clocks_skip_is_never_open():
    """On 2026-03-08 New York has no time between 02:00 and 03:00, so that window opens a week later."""
    times = {"time_zone": "America/New_York", "active": [{"days": "sun", "from": "02:00", "to": "03:00"}]}
    assert [("03-07 12:00", "ann", 1, "later", "window_closed", "03-15 06:00")] == verdicts(
        run(at="03-07 12:00", communication_time=times, until="03-08 12:00")
    )


def test_an_hour_that_comes_twice_is_open_twice():
    """On 2026-11-01 New York's 01:30 is 05:30 and 06:30 UTC; 07:30 UTC is 02:30."""
    times = {"time_zone": "America/New_York", "active": [{"days": "sun", "from": "01:00", "to": "02:00"}]}
    open_times = OpenTimes({"name": "case", "channel": "sms", "communication_time": times}, "sms")
    instants = ["11-01 04:30", "11-01 05:30", "11-01 06:30", "11-01 07:30"]
    assert [False, True, True, False] == [open_times.is_open(utc(text), {"America/New_York"}) for text in instants]


def test_windows_that_never_meet_drop_the_recipient():
    """Nine to twelve in New York and in Kolkata never overlap, so the person who may be in either is dropped."""
    times = {"time_zone": "recipient", "detect": ["column", "area_code"], "scope": "all", "active": OFFICE_HOURS}
    result = run([{**ANN, "time_zone": "Asia/Kolkata"}], communication_time=times)
    assert [("ann", "no_open_time")] == reasons(result)


def test_an_opening_at_the_expiry_is_too_late():
    """A campaign that expires at the very opening of the next window has no open time left."""
    times = {"time_zone": "UTC", "active": OFFICE_HOURS}
    schedule = {"start": "now", "time_zone": "UTC", "expires": "2026-06-02 09:00"}
    assert [("ann", "no_open_time")] == reasons(run(at="06-01 12:00", communication_time=times, schedule=schedule))


ZONE_CASES = [
    # what the recipient is like, scope, what happens at 15:30 UTC, which is 11:30 in New York, 10:30 in Chicago, 08:30 in Los Angeles
    ({}, "all", "send"),
    ({"time_zone": "America/Chicago"}, "all", "send"),
    ({"time_zone": "America/Los_Angeles"}, "first", "window_closed"),
    ({"time_zone": "America/Los_Angeles"}, "all", "no_open_time"),  # nine to twelve there is never nine to twelve in New York
    ({"time_zone": "America/Chicago", "phone": "+12136210002"}, "first", "send"),  # Los Angeles is not asked for
    ({"time_zone": "America/Chicago", "phone": "+12136210002"}, "all", "window_closed"),
    ({"time_zone": "Mars/Olympus"}, "first", "send"),
    ({"time_zone": "Mars/Olympus", "phone": "+18005550100"}, "first", "no_time_zone"),  # toll-free says nothing
    ({"time_zone": None, "phone": "0412 345 678", "country": "AU"}, "all", "no_time_zone"),  # nor do Australian mobiles
    ({"time_zone": "America/New_York", "phone": "+18005550100"}, "all", "send"),
    ({"phone": "098765 43210", "country": "IN"}, "all", "window_closed"),  # India has one zone, so its calling code says it
]


@pytest.mark.parametrize(("person", "scope", "expected"), ZONE_CASES)
def test_the_zones_of_a_recipient_come_from_the_column_and_the_area_code(person, scope, expected):
    """The first source that says something, or all of them; and all zones that are possible must be open."""
    times = {"time_zone": "recipient", "detect": ["column", "area_code"], "scope": scope, "active": OFFICE_HOURS}
    result = run([{**ANN, **person}], at="06-01 15:30", communication_time=times, until="06-01 15:30")
    assert [("ann", expected)] == reasons(result)


def test_nobody_needs_a_zone_where_no_window_is():
    """A campaign in recipient mode without active times sends to people of unknown zone."""
    times = {"time_zone": "recipient", "detect": ["column"], "scope": "all"}
    assert [("ann", "send")] == reasons(run(communication_time=times))


def test_endpoints_are_checked_for_the_country_of_the_recipient():
    """A national number needs the country; the first valid phone of several is used; a bad address is dropped."""
    people = [
        {"recipient_id": "a", "mobile": "12", "home": "020 7946 0958", "country": "GB"},
        {"recipient_id": "b", "mobile": "020 7946 0958"},
        {"recipient_id": "c", "mobile": None, "home": ""},
        {"recipient_id": "d", "mobile": "+442079460958"},
    ]
    result = run(people, endpoints=["mobile", "home"])
    assert [("a", "send"), ("b", "invalid_endpoint"), ("c", "invalid_endpoint"), ("d", "send")] == reasons(result)
    addresses = ["jane.doe@abc!com", "jane.doe@abc.com", "info@bücher.de", None]
    people = [{"recipient_id": str(n), "email": address} for n, address in enumerate(addresses)]
    expected = [("0", "invalid_endpoint"), ("1", "send"), ("2", "send"), ("3", "invalid_endpoint")]
    assert expected == reasons(run(people, channel="email"))


def test_a_reattempt_needs_an_endpoint_of_its_own_channel():
    """A text message that was blocked is not followed by an e-mail to somebody without an address."""
    rules = [{"when": ["blocked"], "channel": "email", "wait": "1 minute"}]
    result = run([{**ANN, "email": "nowhere"}], outcomes=[outcome(1, "blocked", 0)], reattempts=rules)
    assert [("06-01 10:00", "ann", 1, "send", None, None), ("06-01 10:01", "ann", 2, "drop", "invalid_endpoint", None)] == verdicts(result)


def test_a_second_row_is_a_duplicate_whatever_became_of_the_first():
    """The first row has no valid phone; the second one is a duplicate all the same."""
    assert [("ann", "invalid_endpoint"), ("ann", "duplicate")] == reasons(run([{**ANN, "phone": "12"}, ANN]))


def test_a_suppression_names_a_person_or_an_endpoint_for_one_channel_or_all():
    """Ann is suppressed for all channels, Ben's phone for text messages, Cleo's only for e-mail."""
    cleo = {"recipient_id": "cleo", "phone": "+12136210002"}
    suppressions = [
        {"recipient_id": "ann", "endpoint": None, "channel": None},
        {"recipient_id": None, "endpoint": "+13125550142", "channel": "sms"},
        {"recipient_id": None, "endpoint": "+12136210002", "channel": "email"},
    ]
    assert [("ann", "suppressed"), ("ben", "suppressed"), ("cleo", "send")] == reasons(run([ANN, BEN, cleo], suppressions=suppressions))


def test_the_holdout_is_dropped_before_the_windows_are_asked():
    """Whoever the hash holds out is dropped as such, even while the window is closed."""
    campaign = {
        "name": "case",
        "channel": "sms",
        "schedule": {"start": "now", "time_zone": "UTC"},
        "communication_time": {"time_zone": "UTC", "active": OFFICE_HOURS},
    }
    result = simulate_by_hand(
        campaign, [ANN, BEN], [], [], utc("06-01 12:00"), until=utc("06-01 12:00"), wave_interval=60, held_out=lambda who: who == "ann"
    )
    assert [("ann", "holdout"), ("ben", "window_closed")] == reasons(result)


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


SCHEDULES = [
    # 07:03 stays 07:03 over the change of the clocks in New York
    ({"start": "2026-03-07 07:03", "repeat": "daily"}, "03-07 00:00", "03-09 23:00", ["03-07 12:03", "03-08 11:03", "03-09 11:03"]),
    # 02:30 does not exist on March 8: it is read with the offset before, and the day after is 02:30 again
    ({"start": "2026-03-07 02:30", "repeat": "daily"}, "03-07 00:00", "03-09 23:00", ["03-07 07:30", "03-08 07:30", "03-09 06:30"]),
    # 01:30 comes twice on November 1: the first one counts
    ({"start": "2026-11-01 01:30"}, "10-31 00:00", "11-02 00:00", ["11-01 05:30"]),
    # hours are elapsed time
    ({"start": "2026-03-08 00:30", "repeat": "every 2 hours"}, "03-08 00:00", "03-08 10:00", ["03-08 05:30", "03-08 07:30", "03-08 09:30"]),
    # the 31st is the last day of short months
    ({"start": "2026-01-31 12:00", "repeat": "monthly"}, "01-01 00:00", "04-01 00:00", ["01-31 17:00", "02-28 17:00", "03-31 16:00"]),
    ({"start": "2026-06-01 12:00", "repeat": "every 2 weeks"}, "06-01 00:00", "06-30 00:00", ["06-01 16:00", "06-15 16:00", "06-29 16:00"]),
    # of those that were missed only the latest runs, and it runs now
    ({"start": "2026-06-01 12:00", "repeat": "daily"}, "06-03 18:30", "06-05 00:00", ["06-03 18:30", "06-04 16:00"]),
    ({"start": "2026-05-01 12:00"}, "06-03 18:30", "06-05 00:00", ["06-03 18:30"]),
    # at or after the expiry nothing runs
    ({"start": "2026-06-01 12:00", "repeat": "daily", "expires": "2026-06-03 12:00"}, "06-01 00:00", None, ["06-01 16:00", "06-02 16:00"]),
    ({"start": "2026-06-01 12:00", "expires": "2026-06-01 12:30"}, "06-01 16:30", None, []),
    ({"start": "now", "repeat": "daily"}, "03-07 12:00", "03-09 12:00", ["03-07 12:00", "03-08 11:00", "03-09 11:00"]),
]


@pytest.mark.parametrize(("schedule", "at", "until", "expected"), SCHEDULES)
def test_occurrences_follow_the_wall_clock_of_the_schedule(schedule, at, until, expected):
    """Each schedule, read in New York, has these instants in UTC."""
    campaign = {"name": "case", "channel": "sms", "schedule": {"time_zone": "America/New_York", **schedule}}
    found = occurrences_of(campaign, utc(at), until and utc(until))
    assert expected == [clock(instant) for instant in found]


def test_a_setting_that_the_oracle_does_not_know_is_refused():
    """It says so, rather than simulate another campaign."""
    with pytest.raises(ValueError, match=r"does not understand \['review'\]"):
        run(review=True)


def test_a_repeat_without_an_end_is_refused():
    """Without an expiry and without until it would never end."""
    with pytest.raises(ValueError, match="needs until"):
        run(schedule={"start": "now", "time_zone": "UTC", "repeat": "daily"})
