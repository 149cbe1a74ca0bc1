"""What a case knows beside its people: earlier communications, outcomes and suppressions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from oracle.draws import DISPOSITIONS, ON_EVERY_CHANNEL, mostly
from oracle.endpoints import endpoint_of
from oracle.records import DEADLINES, Row
from oracle.words import duration


@st.composite
def histories(draw: st.DrawFn, ids: list[str], at: datetime, campaign: dict[str, Any]) -> list[Row]:
    """Draw communications of this campaign and others, often exactly as old as a limit looks back; some are still to come."""
    ages = [
        timedelta(days=-1),
        timedelta(hours=-3),
        timedelta(minutes=-5),
        timedelta(0),
        timedelta(seconds=1),
        timedelta(minutes=20),
        timedelta(hours=2),
        timedelta(hours=23),
        timedelta(days=1, hours=5),
        timedelta(days=6),
    ]
    ages += [duration(limit["within"]) for limit in campaign.get("communication_limits", [])]
    nudges = [timedelta(0), timedelta(0), timedelta(microseconds=1), timedelta(minutes=-1)]
    campaigns = [("other-running", True), ("other-paused", True), ("other-done", False), ("other-done", True), (campaign["name"], False)]
    contacts = []
    for _ in range(draw(st.integers(0, 10))):
        name, active = draw(st.sampled_from(campaigns))
        moment = at - draw(st.sampled_from(ages)) + draw(st.sampled_from(nudges))
        contact = {"recipient_id": draw(st.sampled_from(ids)), "campaign": name, "contacted_at": moment, "active": active}
        if contact not in contacts:
            contacts.append(contact)
    return contacts


@st.composite
def outcome_lists(draw: st.DrawFn, ids: list[str], campaign: dict[str, Any]) -> list[Row]:
    """Draw what becomes of each one's first attempts, mostly something that a rule waits for, now and then around the deadline."""
    outcomes = []
    for recipient_id in ids:
        for attempt in range(1, 1 + draw(st.sampled_from([0, 1, 1, 2, 3, 4]))):
            for channel in campaign["channels"]:
                outcome = {"recipient_id": recipient_id, "attempt": attempt, "channel": channel}
                outcomes.append(outcome | {"disposition": draw(codes(campaign, channel)), "after": draw(delays(campaign, channel))})
    return outcomes


def codes(campaign: dict[str, Any], channel: str) -> st.SearchStrategy[str]:
    named = {code for rule in campaign.get("reattempts", []) for code in rule["when"]}
    known = DISPOSITIONS[channel] + ON_EVERY_CHANNEL
    waited_for = [code for code in known if code in named]
    return st.sampled_from(waited_for * 4 + known)


def delays(campaign: dict[str, Any], channel: str) -> st.SearchStrategy[float]:
    deadline = duration(campaign["channels"][channel].get("outcome_deadline", DEADLINES[channel]))
    late = deadline.total_seconds()
    soon = [0, 0, 0, 0.000001, 0.25, 17, 30, 59.5, 60, 60, 299, 300]
    return st.sampled_from([*soon, 1800, 7200, 21_600, 90_000, 200_000, late - 1, late - 0.5, late, late + 0.000001, late + 1])


@st.composite
def suppression_lists(draw: st.DrawFn, rows: list[Row], campaign: dict[str, Any]) -> list[Row]:
    """Draw, in some cases, one or two people or endpoints that must not be contacted."""
    if draw(mostly(True)):
        return []
    items = []
    for row in draw(st.lists(st.sampled_from(rows), min_size=1, max_size=2)):
        channel = draw(st.sampled_from(sorted(campaign["channels"])))
        endpoint = endpoint_of(campaign, row, channel)
        by = draw(st.sampled_from(["recipient", "endpoint", "both"])) if endpoint else "recipient"
        who = row["recipient_id"] if by == "recipient" else draw(st.sampled_from(rows))["recipient_id"]
        items.append(
            {
                "recipient_id": None if by == "endpoint" else who,
                "endpoint": None if by == "recipient" else endpoint,
                "channel": draw(st.sampled_from([None, channel, "email", "sms"])),
            }
        )
    return items
