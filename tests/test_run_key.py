"""The key of a wave: readable, in the order of time, fit for a folder, and one for each instant."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcamp.core.run_key import run_key

instants = st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants bare bounds


@pytest.mark.parametrize(
    ("instant", "sequence", "key"),
    [
        (datetime(2026, 12, 1, 7, 3, tzinfo=UTC), 0, "20261201T070300Z"),
        (datetime(2026, 12, 1, 7, 3, tzinfo=UTC), 2, "20261201T070300Z-2"),
        (datetime(2026, 12, 1, 7, 3, 9, 42, tzinfo=UTC), 0, "20261201T070309.000042Z"),
        (datetime(2026, 12, 1, 7, 3, 9, 42, tzinfo=UTC), 1, "20261201T070309.000042Z-1"),
    ],
)
def test_the_key_is_the_instant(instant: datetime, sequence: int, key: str) -> None:
    """Fractions of a second stand there only where there are any; a wave of due attempts has a number."""
    assert key == run_key(instant, sequence)


@given(one=instants, other=instants, first=st.integers(0, 9), second=st.integers(0, 9))
def test_another_wave_has_another_key(one: datetime, other: datetime, first: int, second: int) -> None:
    """Two waves have one key exactly when they are one, and a key is fit for the name of a folder."""
    assert ((one, first) == (other, second)) == (run_key(one, first) == run_key(other, second))
    assert re.fullmatch(r"[0-9TZ.-]+", run_key(one, first))
