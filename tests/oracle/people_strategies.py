"""The segment of a case: who is to be contacted, under which column names."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from oracle.addresses import PLACES
from oracle.draws import mostly, one_of
from oracle.records import Row

# A number as people write it, and the country in which it is read.
PHONES: list[tuple[str | None, str | None]] = [
    ("+12127365000", None),  # New York
    ("(312) 555-0142", "US"),  # Chicago
    ("213 621 0002", "us"),  # Los Angeles
    ("+18005550100", "US"),  # toll-free: no zone
    ("+12083342100", "US"),  # Boise
    ("020 7946 0958", "GB"),
    ("07911 123456", "GB"),  # a mobile: London and the islands, which keep one clock
    ("01534 456789", "GB"),  # Jersey
    ("030 123456", "DE"),
    ("0151 23456789", "DE"),
    ("612 34 56 78", "ES"),  # a mobile: no zone, because of the Canaries
    ("928 12 34 56", "ES"),  # the Canaries
    ("+442079460958", "UK"),  # no such country, and none is needed
    ("02 9374 4000", "AU"),
    ("08 8201 1000", "AU"),  # Adelaide or Perth
    ("0412 345 678", "AU"),  # a mobile: no zone
    ("022 2778 8888", "IN"),
    ("098765 43210", "IN"),
    ("+80012345678", None),  # freephone of the whole world: no zone
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
# The rules can do without these.
DISPENSABLE = ["phone", "email", "country", "time_zone", "region", "city", "postal_code"]


@st.composite
def recipient_lists(draw: st.DrawFn, campaign: dict[str, Any], *, with_occurrences: bool) -> list[Row]:
    """Draw one to eight people, now and then with a second row for the same one."""
    ids = draw(st.lists(st.sampled_from(IDS), min_size=1, max_size=len(IDS), unique=True))
    if draw(mostly(False)):
        ids.insert(draw(st.integers(0, len(ids))), draw(st.sampled_from(ids)))
    rows = [draw(recipients(recipient_id, campaign)) for recipient_id in ids]
    if draw(mostly(False)):
        missing = draw(st.sampled_from(DISPENSABLE))
        rows = [{name: value for name, value in row.items() if name != missing} for row in rows]
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
    places = PLACES.get((country or "").upper(), [(None, None, None)])
    row |= dict(zip(["region", "city", "postal_code"], draw(st.sampled_from(places)), strict=True))
    for column in campaign.get("endpoints", []):
        row[column] = draw(one_of(EMAILS, BAD_EMAILS)) if "email" in column else draw(one_of(PHONES, BAD_PHONES))[0]
    return row


@st.composite
def column_names(draw: st.DrawFn, rows: list[Row]) -> dict[str, str]:
    """Draw what the segment calls some of its columns: mostly nothing of its own."""
    if draw(mostly(True)):
        return {}
    meanings = sorted({*rows[0]} - {"occurrence"})
    return {name: f"their_{name}" for name in draw(st.lists(st.sampled_from(meanings), min_size=1, max_size=4, unique=True))}


@st.composite
def under_their_names(draw: st.DrawFn, rows: list[Row], columns: dict[str, str]) -> list[Row]:
    """Rename the columns of rows; beside a renamed one there may be another that bears its name and means nothing."""
    decoys = draw(st.lists(st.sampled_from(sorted(columns)), max_size=2, unique=True)) if columns else []
    renamed = [{columns.get(name, name): value for name, value in row.items()} for row in rows]
    return [row | {name: rows[0][name] for name in decoys} for row in renamed]
