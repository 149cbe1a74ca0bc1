"""The oracle's rules about one candidate, pinned by small scenarios that were worked out by hand: times, zones, endpoints, schedules."""

from __future__ import annotations

import pytest

from oracle.campaign_oracle import simulate_by_hand
from oracle.open_times import OpenTimes
from oracle.scenario import ANN, BEN, BLOCKED, OFFICE_HOURS, clock, outcome, reasons, run, utc, verdicts
from oracle.schedule import occurrences_of
from oracle.zones import zones_of_area_code


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
    """Text messages rest on the holiday, while calls have a window on it."""
    times = {
        "time_zone": "UTC",
        "active": [
            {"days": ["sat", "mon-tue"], "from": "10:00", "to": "14:00", "channels": ["sms"]},
            {"days": "tue", "from": "18:00", "to": "20:00", "channels": ["automated_voice"]},
        ],
        "exceptions": [
            {"name": "Holiday", "date": "2026-06-01", "channels": ["sms"]},
            {"name": "Other holiday", "date": "2026-06-02", "channels": ["email"]},
        ],
    }
    result = run(communication_time=times, outcomes=[outcome(1, "blocked", 0)], reattempts=[BLOCKED])
    assert [
        ("06-01 10:00", "ann", 1, "later", "window_closed", "06-02 10:00"),
        ("06-02 10:00", "ann", 1, "send", None, None),
        ("06-02 10:01", "ann", 2, "later", "window_closed", "06-02 18:00"),
        ("06-02 18:00", "ann", 2, "send", None, None),
    ] == verdicts(result)


def test_a_channel_without_a_window_is_never_open_where_another_has_one():
    """A forgotten window must not become a call at night; where no channel has a window, all are open."""
    times = {"time_zone": "UTC", "active": [{"days": "mon-sun", "from": "10:00", "to": "14:00", "channels": ["sms"]}]}
    given = {"outcomes": [outcome(1, "blocked", 0)], "reattempts": [BLOCKED]}
    assert [("ann", "send"), ("ann", "no_open_time")] == reasons(run(communication_time=times, **given))
    assert [("ann", "send"), ("ann", "send")] == reasons(run(communication_time={**times, "active": []}, **given))


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
    ({"phone": "07911 123456", "country": "GB"}, "all", "window_closed"),  # London and the islands keep one clock
    ({"phone": "+18005550100", "country": "US", "region": "IL", "city": "Nowhere at all"}, "all", "send"),
    ({"phone": "+18005550100", "country": "US", "region": "FL", "city": "Miami"}, "all", "send"),
    ({"phone": "+18005550100", "country": "US", "region": "FL", "city": "Miami", "postal_code": "96813"}, "all", "window_closed"),
    ({"country": "us", "postal_code": "96813"}, "first", "window_closed"),  # the address is asked before the number
    ({"phone": "+18005550100", "region": "IL"}, "all", "no_time_zone"),  # without a country, an address says nothing
]


@pytest.mark.parametrize(("person", "scope", "expected"), ZONE_CASES)
def test_the_zones_of_a_recipient_come_from_column_address_and_area_code(person, scope, expected):
    """The first source that says something, or all of them; and all zones that are possible must be open."""
    times = {"time_zone": "recipient", "scope": scope, "active": OFFICE_HOURS}
    result = run([{**ANN, **person}], at="06-01 15:30", communication_time=times, until="06-01 15:30")
    assert [("ann", expected)] == reasons(result)


NUMBERS = [
    ("+12083342100", {"America/Denver"}),  # Boise: known by more than the calling code
    ("+61882011000", {"Australia/Adelaide", "Australia/Perth"}),  # known by more, and still two clocks
    ("+18005550100", set()),  # toll-free
    ("+61412345678", set()),  # an Australian mobile
    ("+34612345678", set()),  # a Spanish one: Madrid or the Canaries
    ("+34928123456", {"Atlantic/Canary"}),
    ("+447911123456", {"Europe/London", "Europe/Jersey", "Europe/Guernsey", "Europe/Isle_of_Man"}),
    ("+80012345678", set()),  # belongs to no country
    ("12", set()),
]


@pytest.mark.parametrize(("phone", "zones"), NUMBERS)
def test_a_number_known_by_its_calling_code_says_a_zone_if_one_clock_is_kept_there(phone, zones):
    """Whoever is known by more than that says all zones that libphonenumber lists."""
    assert zones == zones_of_area_code({"channel": "sms"}, {"phone": phone})


def test_the_area_code_is_that_of_the_phone_when_the_channel_is_email():
    """At 15:30 UTC it is 08:30 in Los Angeles, whose number Ann has, so her e-mail waits."""
    times = {"time_zone": "recipient", "active": OFFICE_HOURS}
    result = run([{**ANN, "phone": "+12136210002"}], at="06-01 15:30", channel="email", communication_time=times, until="06-01 15:30")
    assert [("ann", "window_closed")] == reasons(result)


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


def test_a_suppression_may_name_two_people_at_once():
    """A row with Ann's id and Ben's phone is about both."""
    both = [{"recipient_id": "ann", "endpoint": "+13125550142", "channel": None}]
    assert [("ann", "suppressed"), ("ben", "suppressed")] == reasons(run([ANN, BEN], suppressions=both))


def test_the_segments_own_column_names_are_translated():
    """What `columns` calls phone is the phone, also beside another column of that name."""
    segment = {"file": "people.csv", "columns": {"recipient_id": "customer_no", "phone": "mobile"}}
    people = [{"customer_no": "ann", "mobile": "+12127365000", "phone": "12"}]
    assert [("ann", "send")] == reasons(run(people, segment=segment))


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
