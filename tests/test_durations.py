"""Durations, percentages, paces and times of day as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drafts import campaign, refusal
from outcamp.core.channels import parse_pace
from outcamp.core.durations import format_duration, parse_duration
from outcamp.core.local_time import format_minute, parse_minute
from outcamp.core.shares import format_share, parse_share

SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}


@given(st.integers(0, 5000), st.sampled_from(sorted(SECONDS)), st.sampled_from(["", "s"]), st.integers(1, 3))
def test_a_duration_is_a_number_of_units(count: int, unit: str, plural: str, spaces: int) -> None:
    """A number and a unit, singular or plural, are that many seconds."""
    assert timedelta(seconds=count * SECONDS[unit]) == parse_duration(f"{count}{' ' * spaces}{unit}{plural}")


@given(st.integers(0, 3_000_000_000))
def test_a_duration_survives_its_text(seconds: int) -> None:
    """What is written of a duration reads back as the same duration."""
    assert timedelta(seconds=seconds) == parse_duration(format_duration(timedelta(seconds=seconds)))


@pytest.mark.parametrize(
    ("duration", "text"),
    [(timedelta(days=14), "2 weeks"), (timedelta(minutes=90), "90 minutes"), (timedelta(hours=1), "1 hour"), (timedelta(0), "0 seconds")],
)
def test_a_duration_is_written_in_its_largest_whole_unit(duration: timedelta, text: str) -> None:
    """The text of a duration is the shortest exact one."""
    assert text == format_duration(duration)


def test_a_part_of_a_second_has_no_text() -> None:
    """A duration that is no whole number of seconds is not rounded."""
    with pytest.raises(ValueError, match="not a whole number of seconds"):
        format_duration(timedelta(milliseconds=1500))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2 dys", "'dys' is not a unit of time. It says \"2 dys\". Did you mean '2 days'?"),
        ("2days", "'2days' is not a duration. Did you mean '2 days'?"),
        ("2 Hours", "'Hours' is not a unit of time. It says \"2 Hours\". Did you mean '2 hours'?"),
        ("1.5 hours", "'1.5 hours' is not a duration."),
        ("-1 day", "'-1 day' is not a duration."),
        ("P2D", "'P2D' is not a duration."),
        ("99999 weeks", "'99999 weeks' is longer than 100 years."),
        ("172800", "A duration, a number and a unit, is expected. It says 172800."),
        ("0 days", '"0 days" is not greater than 0 seconds.'),
    ],
)
def test_a_wrong_duration_is_refused_with_the_nearest_right_one(text: str, said: str) -> None:
    """Each wrong duration is named, with what was probably meant."""
    message = refusal(f"communication_limits: [{{count: 1, within: {text}}}]\n")
    assert f"spring.yaml:5: communication_limits[0].within: {said}" == message.splitlines()[0]


@given(st.integers(0, 1_000_000))
def test_a_percentage_is_exact(millionths: int) -> None:
    """A percentage with up to four places reads as its fraction and is written back as it was."""
    text = f"{millionths // 10_000}.{millionths % 10_000:04}%"
    assert millionths / 1_000_000 == parse_share(text)
    assert parse_share(text) == parse_share(format_share(parse_share(text)))


def test_percentages_are_written_as_people_write_them() -> None:
    """No digit is added by binary arithmetic."""
    assert ["0%", "7%", "0.1%", "5.5%", "100%"] == [format_share(share) for share in (0.0, 0.07, 0.001, 0.055, 1.0)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("5", "A percentage is expected. It says 5."),
        ("0.05", "A percentage is expected. It says 0.05."),
        ("101%", "'101%' is not a percentage."),
        ("-5%", "'-5%' is not a percentage."),
        ("100%", '"100%" is not less than 100%.'),
    ],
)
def test_a_wrong_percentage_is_refused(text: str, said: str) -> None:
    """A bare number is no percentage, and nobody would be contacted with all held out."""
    assert f"spring.yaml:5: holdout: {said}" == refusal(f"holdout: {text}\n").splitlines()[0]


def test_a_percentage_becomes_a_fraction() -> None:
    """``holdout: 5%`` is a twentieth."""
    assert 0.05 == campaign("holdout: 5%\n").holdout


@pytest.mark.parametrize(("text", "per_second"), [("100/second", 100), ("90/minute", 1.5), ("3600 / hour", 1), ("86400/day", 1)])
def test_a_pace_is_messages_in_a_unit_of_time(text: str, per_second: float) -> None:
    """A pace is so many messages a second, whatever unit it is written in."""
    assert per_second == parse_pace(text).per_second


@pytest.mark.parametrize("text", ["0/second", "100", "100 per second", "1.5/second", "100/week"])
def test_a_wrong_pace_is_refused(text: str) -> None:
    """A pace has a whole number and one of four units."""
    with pytest.raises(ValueError, match="is not a pace"):
        parse_pace(text)


@given(st.integers(0, 1440))
def test_a_minute_of_the_day_survives_its_text(minute: int) -> None:
    """Every minute of the day reads back, midnight at its end included."""
    assert minute == parse_minute(format_minute(minute))


@pytest.mark.parametrize("text", ["9:00", "24:01", "12:60", "25:00", "12:00:00", "noon", "١٢:٠٠"])
def test_a_wrong_time_of_day_is_refused(text: str) -> None:
    """A time of day has two digits of hours and two of minutes."""
    with pytest.raises(ValueError, match="is not a time of day"):
        parse_minute(text)
