"""When a campaign may contact anybody: zones, windows and exceptions, as the plain data that YAML gives."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from oracle.draws import CHANNELS, mostly

WINDOW_DAYS = ["mon-fri", "mon-sun", "sat", "sun", "fri-mon", ["mon", "wed", "fri"], ["sat", "sun"], ["mon-thu", "sat"]]
WINDOW_TIMES = [
    *(("09:00", "12:00"), ("13:00", "18:00"), ("10:00", "20:00"), ("00:00", "24:00"), ("20:00", "24:00"), ("00:00", "06:00")),
    *(("01:00", "03:30"), ("02:00", "03:00"), ("08:07", "11:53")),
]
ONE_ZONE = ["UTC", "America/New_York", "Europe/London", "Australia/Adelaide"]


@st.composite
def communication_times(draw: st.DrawFn, at: datetime, used: list[str]) -> dict[str, Any]:
    """Draw windows and exceptions around the beginning, in one zone or in the recipient's."""
    times: dict[str, Any] = {"time_zone": draw(st.sampled_from(ONE_ZONE))}
    if draw(st.booleans()):
        times = {"time_zone": "recipient"}
        if draw(mostly(True)):
            times["detect"] = draw(st.lists(st.sampled_from(["column", "address", "area_code"]), min_size=1, unique=True))
        if draw(mostly(True)):
            times["scope"] = draw(st.sampled_from(["first", "all"]))
    if draw(mostly(False)) and draw(st.booleans()):
        return times
    times["active"] = draw(st.lists(windows(at, used), min_size=1, max_size=3, unique_by=str))
    exceptions = draw(st.lists(closed_days(at), max_size=2))
    for number, exception in enumerate(exceptions):
        exception.update(name=f"Holiday {number}", **draw(of_some_channels(used)))
    if exceptions:
        times["exceptions"] = exceptions
    if draw(st.booleans()):
        times["stop_early"] = draw(st.sampled_from(["1 minute", "5 minutes", "90 seconds"]))
    return times


@st.composite
def windows(draw: st.DrawFn, at: datetime, used: list[str]) -> dict[str, Any]:
    """Draw one window."""
    start, end = draw(st.sampled_from(WINDOW_TIMES))
    if draw(st.booleans()):
        # A window that opens or closes soon after the beginning, in some zone.
        first = (at.hour + draw(st.integers(-8, 11))) % 24
        start = f"{first:02}:{draw(st.sampled_from(['00', '01', '15']))}"
        end = f"{min(first + draw(st.integers(1, 4)), 24):02}:00"
    return {"days": draw(st.sampled_from(WINDOW_DAYS)), "from": start, "to": end, **draw(of_some_channels(used))}


@st.composite
def of_some_channels(draw: st.DrawFn, used: list[str]) -> dict[str, Any]:
    """Draw the channels that a window or an exception is for: mostly all, else some that the campaign uses, and now and then another."""
    if draw(mostly(True)):
        return {}
    channels = draw(st.lists(st.sampled_from(used), min_size=1, unique=True))
    other = draw(st.sampled_from(CHANNELS))
    if other not in channels and draw(mostly(False)):
        channels.append(other)
    return {"channels": channels}


@st.composite
def closed_days(draw: st.DrawFn, at: datetime) -> dict[str, Any]:
    """Draw a day, or a few, around the beginning."""
    first = at.date() + timedelta(days=draw(st.integers(-1, 4)))
    if draw(st.booleans()):
        return {"date": first.isoformat()}
    return {"from": first.isoformat(), "to": (first + timedelta(days=draw(st.integers(0, 2)))).isoformat()}
