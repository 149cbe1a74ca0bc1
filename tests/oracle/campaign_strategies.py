"""Campaign files, as the plain data that YAML gives."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from oracle.endpoints import all_email
from oracle.words import channels_of

CHANNELS = ["sms", "sms", "automated_voice", "email", "agent_voice"]
DISPOSITIONS = {
    "sms": ["delivered", "blocked", "invalid_number", "unreachable", "expired", "opted_out", "failed"],
    "email": ["delivered", "bounced", "soft_bounced", "complained", "rejected"],
    "automated_voice": ["answered", "voicemail", "no_answer", "busy", "invalid_number", "fax", "abandoned", "failed"],
    "agent_voice": ["answered", "voicemail", "no_answer", "busy", "invalid_number", "fax", "abandoned", "failed"],
}
CHANNEL_SETTINGS: dict[str, dict[str, Any]] = {
    "sms": {"transport": "simulator", "sender": "+18005550100", "body": "Your policy ends soon."},
    "email": {"transport": "simulator", "sender": "Acme <news@acme.com>", "subject": "Your policy", "body": "Your policy ends soon."},
    "automated_voice": {"transport": "simulator", "sender": "+18005550101", "flow": "renewal-reminder"},
    "agent_voice": {
        "transport": "simulator",
        "sender": "+18005550101",
        "flow": "renewal",
        "queue": "renewals",
        "mode": "progressive",
        "agent_share": 1.0,
    },
}
WINDOW_DAYS = ["mon-fri", "mon-sun", "sat", "sun", ["mon", "wed", "fri"], ["sat", "sun"], ["mon-thu", "sat"]]
WINDOW_TIMES = [
    *(("09:00", "12:00"), ("13:00", "18:00"), ("10:00", "20:00"), ("00:00", "24:00"), ("20:00", "24:00"), ("00:00", "06:00")),
    *(("01:00", "03:30"), ("02:00", "03:00"), ("08:07", "11:53")),
]
ONE_ZONE = ["UTC", "America/New_York", "Europe/London", "Australia/Adelaide"]
MAX_COUNT = 3


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def days(number: float) -> timedelta:
    return timedelta(days=number)


def mostly(answer: bool) -> st.SearchStrategy[bool]:
    """Draw this answer four times out of five."""
    return st.sampled_from([answer] * 4 + [not answer])


@st.composite
def campaigns(draw: st.DrawFn, at: datetime, schedule: dict[str, Any]) -> dict[str, Any]:
    """Draw a campaign with this schedule; it may use every setting that decides who is contacted when."""
    channel = draw(st.sampled_from(CHANNELS))
    rules = draw(reattempts(channel))
    used = list(dict.fromkeys([channel] + [rule["channel"] for rule in rules]))
    campaign: dict[str, Any] = {
        "name": "case",
        "description": "A case that hypothesis made up",
        "owner": "tests",
        "segment": {"file": "recipients.parquet"},
        "channel": channel,
        "channels": {name: draw(channel_settings(name)) for name in used},
        "schedule": schedule,
    }
    limits = draw(communication_limits())
    if limits:
        campaign["communication_limits"] = limits
        campaign["counts"] = draw(st.sampled_from(["active_campaigns", "all_campaigns"]))
        campaign["on_limit"] = draw(st.sampled_from(["drop", "defer"]))
    if rules:
        campaign["reattempts"] = rules
    if draw(st.sampled_from([True, True, False])):
        campaign["communication_time"] = draw(communication_times(at, used))
    if draw(mostly(False)):
        campaign["entry_limits"] = {
            "max": draw(st.integers(1, MAX_COUNT)),
            "min_interval": draw(st.sampled_from(["1 minute", "3 hours", "1 day", "2 days"])),
        }
    if draw(st.booleans()):
        campaign["while_active"] = draw(st.sampled_from(["skip", "defer", "defer"]))
    if draw(mostly(False)):
        campaign["endpoints"] = ["work_email", "private_email"] if all_email(campaign) else ["mobile", "home"]
    return campaign


@st.composite
def channel_settings(draw: st.DrawFn, channel: str) -> dict[str, Any]:
    settings = dict(CHANNEL_SETTINGS[channel])
    if draw(st.booleans()):
        settings["outcome_deadline"] = draw(st.sampled_from(["10 minutes", "2 hours", "1 day"]))
    return settings


@st.composite
def reattempts(draw: st.DrawFn, main_channel: str) -> list[dict[str, Any]]:
    """Draw up to three rules, whose dispositions are those of channels that the campaign uses."""
    channels = draw(st.lists(st.sampled_from([main_channel, main_channel, *CHANNELS]), max_size=3))
    known = list(dict.fromkeys(code for name in [main_channel, *channels] for code in [*DISPOSITIONS[name], "no_outcome"]))
    rules = []
    for channel in channels:
        rule: dict[str, Any] = {
            "when": draw(st.lists(st.sampled_from(known), min_size=1, max_size=6, unique=True)),
            "channel": channel,
            "wait": draw(st.sampled_from(["0 minutes", "1 minute", "90 seconds", "30 minutes", "2 hours", "1 day", "3 days"])),
        }
        if draw(st.booleans()):
            rule["times"] = draw(st.integers(1, MAX_COUNT))
        rules.append(rule)
    return without_the_impossible(main_channel, rules)


def without_the_impossible(main_channel: str, rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Take away what a campaign file may not ask for: dispositions that cannot happen while the rule is not used up."""
    kept = []
    for rule in rules:
        others = [other for other in rules if other is not rule]
        possible = possible_codes(main_channel, rules if rule.get("times", 1) > 1 else others)
        when = [code for code in rule["when"] if code in possible]
        if when:
            kept.append({**rule, "when": when})
    return kept


def possible_codes(main_channel: str, rules: list[dict[str, Any]]) -> set[str]:
    """Return the dispositions of all channels to which these rules lead, step by step."""
    possible = {*DISPOSITIONS[main_channel], "no_outcome"}
    for _ in rules:
        for rule in rules:
            if possible.intersection(rule["when"]):
                possible |= set(DISPOSITIONS[rule["channel"]])
    return possible


@st.composite
def communication_limits(draw: st.DrawFn) -> list[dict[str, Any]]:
    spans = st.sampled_from(["30 minutes", "3 hours", "1 day", "36 hours", "2 days", "1 week"])
    withins = draw(st.lists(spans, max_size=3, unique=True))
    return [{"count": draw(st.integers(1, MAX_COUNT)), "within": within} for within in withins]


@st.composite
def communication_times(draw: st.DrawFn, at: datetime, used: list[str]) -> dict[str, Any]:
    """Draw windows and exceptions around the beginning, in one zone or in the recipient's."""
    times: dict[str, Any] = {"time_zone": draw(st.sampled_from(ONE_ZONE))}
    if draw(st.booleans()):
        sources = st.sampled_from(["column", "area_code"])
        times = {
            "time_zone": "recipient",
            "detect": draw(st.lists(sources, min_size=1, max_size=2, unique=True)),
            "scope": draw(st.sampled_from(["first", "all"])),
        }
    if draw(mostly(False)) and draw(st.booleans()):
        return times
    times["active"] = draw(st.lists(windows(at, used), min_size=1, max_size=3, unique_by=str))
    # A channel without any window is open at all times; whether it could have exceptions is not for these cases to say.
    with_windows = [name for name in used if any(channels_of(window, name) for window in times["active"])]
    exceptions = draw(st.lists(closed_days(at), max_size=2))
    for number, exception in enumerate(exceptions):
        exception["name"] = f"Holiday {number}"
        if len(with_windows) < len(used) or draw(mostly(False)):
            exception["channels"] = draw(st.lists(st.sampled_from(with_windows), min_size=1, unique=True))
    if exceptions:
        times["exceptions"] = exceptions
    if draw(st.booleans()):
        times["stop_early"] = draw(st.sampled_from(["1 minute", "5 minutes", "90 seconds"]))
    return times


@st.composite
def windows(draw: st.DrawFn, at: datetime, used: list[str]) -> dict[str, Any]:
    start, end = draw(st.sampled_from(WINDOW_TIMES))
    if draw(st.booleans()):
        # A window that opens or closes soon after the beginning, in some zone.
        first = (at.hour + draw(st.integers(-8, 11))) % 24
        start = f"{first:02}:{draw(st.sampled_from(['00', '01', '15']))}"
        end = f"{min(first + draw(st.integers(1, 4)), 24):02}:00"
    window: dict[str, Any] = {"days": draw(st.sampled_from(WINDOW_DAYS)), "from": start, "to": end}
    if draw(mostly(False)):
        window["channels"] = draw(st.lists(st.sampled_from(used), min_size=1, unique=True))
    return window


@st.composite
def closed_days(draw: st.DrawFn, at: datetime) -> dict[str, Any]:
    first = at.date() + days(draw(st.integers(-1, 4)))
    if draw(st.booleans()):
        return {"date": first.isoformat()}
    return {"from": first.isoformat(), "to": (first + days(draw(st.integers(0, 2)))).isoformat()}
