"""Every code has its words, and what closes a channel is told by the clock on the wall."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from outcamp.core.communication_time import CommunicationTime
from outcamp.core.dispositions import DISPOSITIONS, Channel
from outcamp.core.open_times import OpenTimes
from outcamp.core.reasons import DISPOSITION_WORDS, REASONS, closed_in_words, disposition_in_words, reason_in_words, windows_in_words
from test_open_times import cases

# Verdicts of the contract, and the ways in which an entry may end.
CODES = (
    *("duplicate", "invalid_endpoint", "suppressed", "already_in_campaign", "entry_limit", "no_time_zone", "holdout", "no_open_time"),
    *("over_limit", "content_error", "rejected", "stopped", "deleted", "expired", "window_closed", "waiting_to_reattempt"),
    *("finished", "erased", "awaiting_review", "paused", "throttled", "late", "pace", "error"),
)


def test_every_reason_has_words() -> None:
    """A code without words would be shown bare; one that is new is shown with spaces."""
    assert [] == [code for code in CODES if code not in REASONS]
    assert ("never heard of", "nothing") == (reason_in_words("never_heard_of"), reason_in_words(None))


def test_every_disposition_has_words() -> None:
    """No channel has one without, and no words are left over."""
    assert {code for codes in DISPOSITIONS.values() for code in codes} == set(DISPOSITION_WORDS)
    assert "something new" == disposition_in_words("something_new")


@settings(max_examples=300)
@given(case=cases(), distances=st.lists(st.timedeltas(timedelta(days=-2), timedelta(days=9)), min_size=1, max_size=20))
def test_a_channel_is_told_to_be_closed_iff_it_is(case, distances: list[timedelta]) -> None:
    """Words and rule agree at any microsecond, though they share nothing: an audit may check the one by the other."""
    time, zones, now = case
    assume(not time.stop_early % timedelta(seconds=1))  # as files can write it
    open_times = OpenTimes.of(time, "sms")
    for instant in (now + distance for distance in distances):
        assert open_times.is_open(instant, zones) == (not closed_in_words(time, Channel.SMS, instant, zones))


@pytest.mark.parametrize(
    ("channel", "words"),
    [
        (Channel.SMS, "mon-fri 09:00-12:00, 13:00-18:00; sat 10:00-24:00, stopping 5 minutes early"),
        (Channel.EMAIL, "mon, wed, sat, sun 00:00-01:00"),
        (Channel.AGENT_VOICE, "no window at all"),
    ],
)
def test_windows_are_told_as_files_write_them(channel: Channel, words: str) -> None:
    """Days of one kind stand together, runs of days are ranges, and each channel has its own."""
    rows = [
        {"days": ["mon-fri"], "from": "09:00", "to": "12:00", "channels": ["sms"]},
        {"days": ["mon-fri"], "from": "13:00", "to": "18:00", "channels": ["sms"]},
        {"days": ["sat"], "from": "10:00", "to": "24:00", "channels": ["sms"]},
        {"days": ["mon", "wed", "sat", "sun"], "from": "00:00", "to": "01:00", "channels": ["email"]},
    ]
    early = "5 minutes" if channel is Channel.SMS else "0 minutes"
    time = CommunicationTime.model_validate({"time_zone": "UTC", "active": rows, "stop_early": early})
    assert words == windows_in_words(time, channel)


def test_zones_that_say_the_same_are_told_together() -> None:
    """One that is open is not named; one on an excepted day is told by the exception's name."""
    rows = [{"days": "mon-sun", "from": "09:00", "to": "18:00"}]
    christmas = [{"name": "Christmas", "date": date(2026, 12, 25)}]
    time = CommunicationTime.model_validate({"time_zone": "recipient", "active": rows, "exceptions": christmas})
    at = datetime(2026, 12, 24, 17, 30, tzinfo=UTC)
    zones = ("Europe/Berlin", "Europe/Paris", "Europe/London", "Asia/Tokyo")
    closed = "it was thu 18:30 in Europe/Berlin and Europe/Paris and 2026-12-25 was excepted (Christmas) in Asia/Tokyo"
    assert f"{closed}, outside mon-sun 09:00-18:00" == closed_in_words(time, Channel.SMS, at, zones)
