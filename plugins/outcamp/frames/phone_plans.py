"""What `phonenumbers` knows about the numbers of each region, as far as the machines need it: its metadata, read once and tidied."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberType
from phonenumbers.phonemetadata import PhoneNumberDesc
from phonenumbers.phonenumberutil import is_number_type_geographical

from outcamp.core.errors import DataError

WITHOUT_PLACE = ("premium_rate", "toll_free", "shared_cost", "voip", "personal_number", "pager", "uan", "voicemail")

# Every number there is, by calling code, with the regions that share it; the first of them is the main one.
REGIONS_OF_CODE: dict[int, tuple[str, ...]] = phonenumbers.COUNTRY_CODE_TO_REGION_CODE


@dataclass(frozen=True)
class Description:
    """Numbers of one kind: they match the pattern, and have one of the lengths if any are given. An empty pattern has no numbers."""

    pattern: str
    lengths: frozenset[int]


@dataclass(frozen=True)
class NumberPlan:
    """The numbers of one region under its calling code, and what is dialled there in front of them."""

    region: str
    code: int
    leading_digits: str
    international_prefix: str
    national_prefix: str
    rewrites: bool  # some national prefixes are not cut off but replaced
    general: Description
    local_only: frozenset[int]
    fixed: Description
    mobile: Description
    mobile_has_place: bool
    without_place: tuple[Description, ...]

    def may_follow_prefix(self, length: int) -> bool:
        """Return whether a number that is left after a national prefix has a length for that (`_test_number_length`)."""
        return length not in self.local_only and (length in self.general.lengths or length > max(self.general.lengths))

    def is_too_long(self, length: int) -> bool:
        """Return whether a number is longer than any of the region (`_test_number_length`)."""
        return length not in self.local_only and length > max(self.general.lengths)


@cache
def number_plan(code: int, region: str) -> NumberPlan:
    """Return the plan of a region; calling codes that belong to no country have the region 001."""
    metadata = PhoneMetadata.metadata_for_region_or_calling_code(code, region)
    if metadata is None or metadata.general_desc is None:
        raise DataError(f"phonenumbers lists region {region} for +{code} but has no numbers for it.", next_step="Reinstall phonenumbers.")
    return NumberPlan(
        region=region,
        code=code,
        leading_digits=metadata.leading_digits or "",
        international_prefix=metadata.international_prefix or "",
        national_prefix=metadata.national_prefix_for_parsing or "",
        rewrites=bool(metadata.national_prefix_transform_rule),
        general=_described(metadata.general_desc),
        local_only=frozenset(metadata.general_desc.possible_length_local_only),
        fixed=_described(metadata.fixed_line),
        # Where the library cannot tell mobiles from fixed lines, it calls both fixed.
        mobile=_described(None if metadata.same_mobile_and_fixed_line_pattern else metadata.mobile),
        mobile_has_place=is_number_type_geographical(PhoneNumberType.MOBILE, code),
        without_place=tuple(_described(getattr(metadata, kind)) for kind in WITHOUT_PLACE),
    )


def main_plan(code: int) -> NumberPlan:
    """Return the plan of the main region of a calling code."""
    return number_plan(code, REGIONS_OF_CODE[code][0])


def _described(description: PhoneNumberDesc | None) -> Description:
    if description is None:
        return Description("", frozenset())
    return Description(description.national_number_pattern or "", frozenset(description.possible_length))
