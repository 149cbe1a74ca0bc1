"""Where a recipient can be reached, one row at a time."""

from __future__ import annotations

from typing import Any

import phonenumbers
from email_validator import EmailNotValidError, validate_email


def channels_used(campaign: dict[str, Any]) -> list[str]:
    """List the main channel and those of the reattempts."""
    return [campaign["channel"]] + [rule["channel"] for rule in campaign.get("reattempts", [])]


def all_email(campaign: dict[str, Any]) -> bool:
    """Say whether the campaign never uses a phone."""
    return all(channel == "email" for channel in channels_used(campaign))


def endpoint_of(campaign: dict[str, Any], row: dict[str, Any], channel: str) -> str | None:
    """Return the phone number (E.164) or the e-mail address that this channel uses, or None if there is no valid one."""
    if channel != "email":
        number = phone_of(campaign, row)
        return None if number is None else phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    columns = campaign.get("endpoints", ["email"]) if all_email(campaign) else ["email"]
    for column in columns:
        if is_email(row.get(column)):
            return str(row[column])
    return None


def phone_of(campaign: dict[str, Any], row: dict[str, Any]) -> phonenumbers.PhoneNumber | None:
    """Return the first valid phone number of the recipient."""
    columns = ["phone"] if all_email(campaign) else campaign.get("endpoints", ["phone"])
    for column in columns:
        number = parsed(row.get(column), row.get("country"))
        if number is not None and phonenumbers.is_valid_number(number):
            return number
    return None


def parsed(text: str | None, country: str | None) -> phonenumbers.PhoneNumber | None:
    """Read one phone number, or return None for what is none."""
    try:
        return phonenumbers.parse(text or "", (country or "").upper() or None)
    except phonenumbers.NumberParseException:
        return None


def is_email(text: str | None) -> bool:
    """Say whether the syntax of an address is right; nobody is asked over the network."""
    try:
        validate_email(text or "", check_deliverability=False)
    except EmailNotValidError:
        return False
    return True
