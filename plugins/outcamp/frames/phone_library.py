"""What `phonenumbers` says about one phone number: the authority that everything faster is compared with."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import phonenumbers
from phonenumbers.timezone import time_zones_for_number
from phonenumbers.tzdata import TIMEZONE_DATA, TIMEZONE_LONGEST_PREFIX

from outcamp.core.zones import join_zones, zones_of_number_say

# Without it, numbers of many countries recompile their patterns for ever, several times slower.
phonenumbers.enable_pattern_cache()


class PhoneVerdict(NamedTuple):
    """A phone number as it is dialled from anywhere, or None when it is invalid; and its zones joined by "|", or None."""

    e164: str | None
    zones: str | None


INVALID = PhoneVerdict(None, None)


def known_country(country: str | None) -> str | None:
    """Return the country as `phonenumbers` names it, or None when it does not know such a country."""
    upper = country.upper() if country is not None else None
    return upper if upper in phonenumbers.SUPPORTED_REGIONS else None


@lru_cache(maxsize=1 << 17)
def ask_library(phone: str, country: str | None) -> PhoneVerdict:
    """Return what `phonenumbers` makes of this text when it is dialled in this country."""
    try:
        number = phonenumbers.parse(phone, country)
    except phonenumbers.NumberParseException:
        return INVALID
    if not phonenumbers.is_valid_number(number):
        return INVALID
    return PhoneVerdict(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), _zones_of(number))


def _zones_of(number: phonenumbers.PhoneNumber) -> str | None:
    return join_zones(zones_of_number_say(tuple(time_zones_for_number(number)), _only_calling_code(number))) or None


def _only_calling_code(number: phonenumbers.PhoneNumber) -> bool:
    """Return whether all that the zone table knows of this number is its calling code."""
    if not phonenumbers.is_number_geographical(number):
        return True
    calling_code = str(number.country_code)
    digits = calling_code + phonenumbers.national_significant_number(number)
    return not any(digits[:length] in TIMEZONE_DATA for length in range(len(calling_code) + 1, TIMEZONE_LONGEST_PREFIX + 1))
