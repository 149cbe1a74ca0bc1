"""Compliance presets tighten: a campaign is open where its own windows and the presets' hours are, and nowhere else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytz
from hypothesis import given
from hypothesis import strategies as st

from drafts import campaign
from outcamp.core.communication_time import RECIPIENT, CommunicationTime, Window
from outcamp.core.dispositions import Channel
from outcamp.core.errors import CampaignFileError
from outcamp.core.open_times import OpenTimes
from outcamp.core.presets import PRESETS, limits_of, tightened

ROOT = Path(__file__).parents[1]
ZONES = ["America/New_York", "America/Denver", "Asia/Kathmandu", "Europe/London"]
MINUTE = timedelta(minutes=1)
ALWAYS_SOMETHING = Window(days=(2,), start_minute=600, end_minute=660)  # a campaign whose windows and presets exclude each other is refused

windows = st.builds(
    lambda days, start, length, channels: Window(
        days=tuple(sorted(days)), start_minute=start, end_minute=min(start + length, 1440), channels=tuple(sorted(channels))
    ),
    st.sets(st.integers(0, 6), min_size=1),
    st.integers(0, 1379),
    st.integers(30, 1440),
    st.sets(st.sampled_from([str(channel) for channel in Channel]), max_size=2),
)


def is_open_by_the_clock(time: CommunicationTime | None, names: list[str], channel: Channel, wall: datetime) -> bool:
    """Read the sentence off a wall clock: inside a window, inside the hours of each preset of this channel, before the early stop."""
    minute = wall.hour * 60 + wall.minute
    presets = [PRESETS[name] for name in names]
    early = max([time.stop_early if time else timedelta(), *(preset.stop_early for preset in presets)]) // MINUTE
    active = time.active if time else ()
    hours = [preset.hours for preset in presets if preset.hours and channel in preset.channels]
    stretches = [
        (window.start_minute, window.end_minute)
        for window in active
        if wall.weekday() in window.days and (not window.channels or channel in window.channels)
    ]
    if not active:
        stretches = [(0, 1440)]
    for start, end in stretches:
        first = max([start, *(mine[0][0] for mine in hours)])
        last = min([end, *(mine[0][1] for mine in hours)])
        if first <= minute < last - early:
            return True
    return False


@given(
    active=st.lists(windows, max_size=3),
    names=st.lists(st.sampled_from(["us_tcpa", "us_florida"]), min_size=1, max_size=2, unique=True),
    channel=st.sampled_from(list(Channel)),
    zone=st.sampled_from(ZONES),
    minute=st.integers(0, 525_600),
)
def test_a_minute_is_open_iff_windows_and_presets_are(
    active: list[Window], names: list[str], channel: Channel, zone: str, minute: int
) -> None:
    """Whatever the windows, an instant is open exactly where a window and every preset of the channel agree on it."""
    time = CommunicationTime(time_zone=RECIPIENT, active=(*active, ALWAYS_SOMETHING)) if active else None
    instant = datetime(2026, 1, 1, tzinfo=UTC) + minute * MINUTE
    opening = OpenTimes.of(tightened(names, time), channel).next_open(instant, frozenset({zone}), instant + MINUTE)
    assert is_open_by_the_clock(time, names, channel, instant.astimezone(pytz.timezone(zone))) == (opening == instant)


def test_a_campaign_without_windows_keeps_the_hours_of_its_presets() -> None:
    """Hours from a preset need each recipient's own zone, and are the windows."""
    time = campaign("presets: [us_tcpa]\n").contact_time
    assert RECIPIENT == time.time_zone
    assert [(480, 1260)] * 7 == [(window.start_minute, window.end_minute) for window in time.active if window.channels == (Channel.SMS,)]


def test_the_limits_of_presets_are_added() -> None:
    """A preset's limit holds beside those of the campaign."""
    chosen = campaign("presets: [us_reg_f, us_florida]\ncommunication_limits: [{count: 9, within: 30 days}]\n")
    assert [(9, 30), (7, 7), (3, 1)] == [(limit.count, limit.within.days) for limit in chosen.limits]
    assert () == limits_of(["us_tcpa"])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("presets: [us_tpca]\n", "'us_tpca' is not a preset. Did you mean 'us_tcpa'?"),
        ("presets: [us_tcpa, us_tcpa]\n", "'us_tcpa' is named twice."),
        (
            'presets: [us_tcpa]\ncommunication_time: {time_zone: Europe/London, active: [{days: mon, from: "09:00", to: "10:00"}]}\n',
            "The preset us_tcpa holds on each recipient's own clock, and the windows are those of Europe/London.",
        ),
        (
            'presets: [us_tcpa]\ncommunication_time: {time_zone: recipient, active: [{days: mon, from: "21:00", to: "23:00"}]}\n',
            "The windows and the presets have no minute in common for sms.",
        ),
    ],
)
def test_presets_that_cannot_hold_are_refused(more: str, message: str) -> None:
    """A preset that is unknown, named twice, on another clock, or that leaves nothing open is refused by name."""
    with pytest.raises(CampaignFileError) as refusal:
        campaign(more)
    assert message in str(refusal.value).replace("\n", " ")


def test_the_document_lists_every_preset() -> None:
    """The table of docs/compliance.md is what core/presets.py says."""
    text = (ROOT / "docs" / "compliance.md").read_text(encoding="utf-8")
    shown = text.partition("<!-- presets -->\n")[2].partition("<!-- /presets -->")[0].splitlines()[2:]
    expected = [
        f"| `{name}` | {preset.says} | {', '.join(sorted(preset.channels)) or 'every channel'} | {preset.source} |"
        for name, preset in PRESETS.items()
    ]
    assert expected == shown
