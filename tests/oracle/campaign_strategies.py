"""Campaign files, as the plain data that YAML gives."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from oracle.draws import CHANNELS, DISPOSITIONS, ON_EVERY_CHANNEL, mostly
from oracle.endpoints import all_email
from oracle.time_strategies import communication_times

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
MAX_COUNT = 3


@st.composite
def campaigns(draw: st.DrawFn, at: datetime, schedule: dict[str, Any]) -> dict[str, Any]:
    """Draw a campaign with this schedule; it may use every setting that decides who is contacted when."""
    channel = draw(st.sampled_from(CHANNELS))
    rules = draw(reattempts(channel))
    used = list(dict.fromkeys([channel] + [rule["channel"] for rule in rules]))
    campaign: dict[str, Any] = {
        "name": draw(st.sampled_from(["case", "spring-renewal"])),
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
        campaign["entry_limits"] = draw(entry_limits())
    if draw(mostly(False)):
        campaign["holdout"] = draw(st.sampled_from(["0.5%", "30%", "50%", "99.9%"]))
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
    known = list(dict.fromkeys(code for name in [main_channel, *channels] for code in [*DISPOSITIONS[name], *ON_EVERY_CHANNEL]))
    rules = []
    for channel in channels:
        rule: dict[str, Any] = {
            "when": draw(st.lists(st.sampled_from(known), min_size=1, max_size=6, unique=True)),
            "channel": channel,
        }
        if draw(mostly(True)):
            rule["wait"] = draw(st.sampled_from(["0 minutes", "1 minute", "90 seconds", "30 minutes", "2 hours", "1 day", "3 days"]))
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
    possible = {*DISPOSITIONS[main_channel], *ON_EVERY_CHANNEL}
    for _ in rules:
        for rule in rules:
            if possible.intersection(rule["when"]):
                possible |= set(DISPOSITIONS[rule["channel"]])
    return possible


@st.composite
def entry_limits(draw: st.DrawFn) -> dict[str, Any]:
    limits: dict[str, Any] = {
        "max": draw(st.integers(1, MAX_COUNT)),
        "min_interval": draw(st.sampled_from(["1 minute", "3 hours", "1 day", "2 days"])),
    }
    left_out = draw(st.sampled_from([None, "max", "min_interval"]))
    return {name: limit for name, limit in limits.items() if name != left_out}


@st.composite
def communication_limits(draw: st.DrawFn) -> list[dict[str, Any]]:
    spans = st.sampled_from(["30 minutes", "3 hours", "1 day", "36 hours", "2 days", "1 week"])
    withins = draw(st.lists(spans, max_size=3, unique=True))
    return [{"count": draw(st.integers(1, MAX_COUNT)), "within": within} for within in withins]
