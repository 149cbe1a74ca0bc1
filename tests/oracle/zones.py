"""The time zones that a recipient may be in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
from phonenumbers.timezone import UNKNOWN_TIMEZONE
from phonenumbers.tzdata import TIMEZONE_DATA

from oracle.addresses import zones_in_address
from oracle.endpoints import phone_of
from oracle.records import Row

NAMES = available_timezones()


def zones_of(campaign: dict[str, Any], row: Row) -> set[str]:
    """Return the zones that a recipient may be in; an empty set means that nothing is known."""
    times = campaign["communication_time"]
    if times["time_zone"] != "recipient":
        return {times["time_zone"]}
    found: set[str] = set()
    said_by = {
        "column": lambda: zones_in_column(row),
        "address": lambda: zones_in_address(row),
        "area_code": lambda: zones_of_area_code(campaign, row),
    }
    for source in times.get("detect", ["column", "address", "area_code"]):
        said = said_by[source]()
        found |= said
        if said and times.get("scope", "all") == "first":
            break
    return found


def zones_in_column(row: Row) -> set[str]:
    """Return the recipient's own zone, if it is the name of one."""
    return {row["time_zone"]} if row.get("time_zone") in NAMES else set()


def zones_of_area_code(campaign: dict[str, Any], row: Row) -> set[str]:
    """Return the zones of the recipient's phone number; one that is only known by its calling code says as much as that code."""
    number = phone_of(campaign, row)
    if number is None:
        return set()
    calling_code = str(number.country_code)
    known = calling_code
    if phonenumbers.is_number_geographical(number):
        digits = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")
        known = max((digits[:length] for length in range(len(digits)) if digits[:length] in TIMEZONE_DATA), key=len, default=calling_code)
    zones = set(TIMEZONE_DATA.get(known, ())) - {UNKNOWN_TIMEZONE}
    if known == calling_code and not keep_one_clock(frozenset(zones)):
        return set()
    return zones


@cache
def keep_one_clock(zones: frozenset[str]) -> bool:
    """Say whether the clocks of these zones show the same time in every hour of the years 2020 to 2037."""
    clocks = [ZoneInfo(zone) for zone in zones]
    instant = datetime(2020, 1, 1, tzinfo=UTC)
    while instant.year < 2038:
        if len({instant.astimezone(clock).utcoffset() for clock in clocks}) > 1:
            return False
        instant += timedelta(hours=1)
    return True
