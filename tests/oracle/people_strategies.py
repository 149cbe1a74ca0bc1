"""The rows of a case: recipients, earlier communications, outcomes and suppressions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from oracle.campaign_strategies import DISPOSITIONS, mostly
from oracle.endpoints import endpoint_of
from oracle.records import DEADLINES, Row
from oracle.words import duration

# A number as people write it, and the country in which it is read.
PHONES: list[tuple[str | None, str | None]] = [
    ("+12127365000", None),  # New York
    ("(312) 555-0142", "US"),  # Chicago
    ("213 621 0002", "US"),  # Los Angeles
    ("+18005550100", "US"),  # toll-free: no zone
    ("+12083342100", "US"),  # Boise
    ("020 7946 0958", "GB"),
    ("07911 123456", "GB"),  # a mobile: no zone
    ("030 123456", "DE"),
    ("0151 23456789", "DE"),
    ("02 9374 4000", "AU"),
    ("08 8201 1000", "AU"),  # Adelaide or Perth
    ("0412 345 678", "AU"),  # a mobile: no zone
    ("022 2778 8888", "IN"),
    ("098765 43210", "IN"),
]
BAD_PHONES: list[tuple[str | None, str | None]] = [("12", "US"), ("not a phone", "DE"), ("212 736 5000", None), ("", "GB"), (None, "IN")]
EMAILS = ["jane@acme.com", "o'brien+news@mail.acme.co.uk", "info@bücher.de"]
BAD_EMAILS = ["jane.doe@abc!com", "nobody", "a@b@acme.com", "two..dots@acme.com", "", None]
TIME_ZONES = [
    *("America/New_York", "America/Los_Angeles", "America/St_Johns", "America/Phoenix", "Europe/London", "Europe/Berlin"),
    *("Asia/Kolkata", "Asia/Kathmandu", "Australia/Adelaide", "Australia/Lord_Howe", "Pacific/Chatham", "UTC"),
]
NO_TIME_ZONES = ["Mars/Olympus", "", None]
IDS = ["ann", "ben", "cleo", "dora-7", "Zoë", "00042", "g", "h"]
RARELY_BAD = 7


def one_of(good: list[Any], bad: list[Any]) -> st.SearchStrategy[Any]:
    """Draw something good, or sometimes something bad."""
    return st.integers(0, RARELY_BAD).flatmap(lambda number: st.sampled_from(bad if number == RARELY_BAD else good))


@st.composite
def recipient_lists(draw: st.DrawFn, campaign: dict[str, Any], *, with_occurrences: bool) -> list[Row]:
    """Draw one to eight people, now and then with a second row for the same one."""
    ids = draw(st.lists(st.sampled_from(IDS), min_size=1, max_size=len(IDS), unique=True))
    if draw(mostly(False)):
        ids.insert(draw(st.integers(0, len(ids))), draw(st.sampled_from(ids)))
    rows = [draw(recipients(recipient_id, campaign)) for recipient_id in ids]
    if with_occurrences:
        rows = [row | {"occurrence": number} for row in rows for number in draw(occurrence_numbers())]
    return rows


def occurrence_numbers() -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, 4), min_size=1, max_size=4, unique=True)


@st.composite
def recipients(draw: st.DrawFn, recipient_id: str, campaign: dict[str, Any]) -> Row:
    """Draw one row; a second phone is read in the country of the first one, so it may well be invalid."""
    phone, country = draw(one_of(PHONES, BAD_PHONES))
    row = {
        "recipient_id": recipient_id,
        "phone": phone,
        "email": draw(one_of(EMAILS, BAD_EMAILS)),
        "country": country,
        "time_zone": draw(one_of(TIME_ZONES, NO_TIME_ZONES)),
    }
    for column in campaign.get("endpoints", []):
        row[column] = draw(one_of(EMAILS, BAD_EMAILS)) if "email" in column else draw(one_of(PHONES, BAD_PHONES))[0]
    return row


@st.composite
def histories(draw: st.DrawFn, ids: list[str], at: datetime, campaign: dict[str, Any]) -> list[Row]:
    """Draw communications of other campaigns, often exactly as old as a limit looks back."""
    ages = [
        timedelta(seconds=1),
        timedelta(minutes=20),
        timedelta(hours=2),
        timedelta(hours=23),
        timedelta(days=1, hours=5),
        timedelta(days=6),
    ]
    ages += [duration(limit["within"]) for limit in campaign.get("communication_limits", [])]
    nudges = [timedelta(0), timedelta(0), timedelta(microseconds=1), timedelta(minutes=-1)]
    contacts = []
    for _ in range(draw(st.integers(0, 10))):
        name, active = draw(st.sampled_from([("other-running", True), ("other-paused", True), ("other-done", False)]))
        moment = at - draw(st.sampled_from(ages)) + draw(st.sampled_from(nudges))
        contact = {"recipient_id": draw(st.sampled_from(ids)), "campaign": name, "contacted_at": min(moment, at), "active": active}
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
    waited_for = [code for code in DISPOSITIONS[channel] if code in named]
    return st.sampled_from(waited_for * 4 + DISPOSITIONS[channel])


def delays(campaign: dict[str, Any], channel: str) -> st.SearchStrategy[int]:
    deadline = duration(campaign["channels"][channel].get("outcome_deadline", DEADLINES[channel]))
    late = int(deadline.total_seconds())
    return st.sampled_from([0, 0, 0, 30, 60, 60, 299, 300, 1800, 7200, 21_600, 90_000, 200_000, late - 1, late, late + 1])


@st.composite
def suppression_lists(draw: st.DrawFn, rows: list[Row], campaign: dict[str, Any]) -> list[Row]:
    """Draw, in some cases, one or two people or endpoints that must not be contacted."""
    if draw(mostly(True)):
        return []
    items = []
    for row in draw(st.lists(st.sampled_from(rows), min_size=1, max_size=2)):
        channel = draw(st.sampled_from(sorted(campaign["channels"])))
        endpoint = endpoint_of(campaign, row, channel)
        by_endpoint = endpoint is not None and draw(st.booleans())
        items.append(
            {
                "recipient_id": None if by_endpoint else row["recipient_id"],
                "endpoint": endpoint if by_endpoint else None,
                "channel": draw(st.sampled_from([None, channel, "email", "sms"])),
            }
        )
    return items
