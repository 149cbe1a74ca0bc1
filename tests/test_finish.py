"""Whether a pace is enough, against a clock that sends one message after the other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from outcamp.core.finish import Finish, Waiting, finish

START = datetime(2026, 12, 1, 9, tzinfo=UTC)
END = START + timedelta(minutes=60)


def minutes(number: float) -> datetime:
    """So many minutes after the start."""
    return START + timedelta(minutes=number)


def waiting(messages: int, due: int, *openings: tuple[int, int]) -> Waiting:
    """Messages, the minute from which they may go, and the stretches in which."""
    return Waiting(messages, minutes(due), tuple((minutes(opens), minutes(closes)) for opens, closes in openings))


@st.composite
def openings(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Stretches that are sorted and apart."""
    edges = sorted(draw(st.sets(st.integers(0, 70), max_size=6)))
    return [*zip(edges[::2], edges[1::2], strict=False)]


def one_by_one(people: list[Waiting], a_minute: int) -> Finish:
    """Send what each minute has room for, one message after the other, to those whose stretch closes first."""
    left, last = [one.messages for one in people], None
    for minute in range(60):
        now = minutes(minute)
        for turn in range(a_minute):
            going = [
                (closes, place)
                for place, one in enumerate(people)
                for opens, closes in one.openings
                if left[place] and one.due_at <= now and opens <= now < closes
            ]
            if going:
                left[min(going)[1]] -= 1
                last = now + timedelta(minutes=(turn + 1) / a_minute)
    return Finish(last, sum(left))


@given(
    st.lists(
        st.builds(lambda messages, due, pairs: waiting(messages, due, *pairs), st.integers(0, 60), st.integers(0, 50), openings()),
        max_size=5,
    )
)
def test_messages_flow_as_they_would_one_by_one(people: list[Waiting]) -> None:
    """Where every edge lies on a minute, a flow and a row of messages leave the same ones, and end at the same instant."""
    expected, found = one_by_one(people, 6), finish(people, 0.1, END)
    assert expected.left == found.left
    assert (expected.at is None) == (found.at is None)
    assert expected.at is None or found.at is None or abs(expected.at - found.at) < timedelta(milliseconds=1)


def test_a_window_that_closes_first_goes_first() -> None:
    """London closes before New York: 600 an hour are enough for both, in that order."""
    london, new_york = waiting(300, 0, (0, 30)), waiting(300, 0, (0, 60))
    assert Finish(END, 0) == finish([new_york, london], 600 / 3600, END)


def test_what_is_left_when_it_is_too_late_is_counted() -> None:
    """Half of the messages do not go; of those who may never go, none."""
    assert Finish(END, 310) == finish([waiting(600, 0, (0, 60)), waiting(10, 0)], 300 / 3600, END)
