"""How typed digits become a number: all number plans of `phonenumbers` as one machine.

The parts follow `phonenumbers.parse`; each leads on to the ones before it, down to `phone_owners`, which says what is valid:

- `_home`           a national number, perhaps after a national prefix
- `_international`  digits after a "+" or its like: a calling code, then a number     (`_extract_country_code`)
- `_abroad`         a call abroad: an international prefix such as 00 in front        (`_maybe_strip_i18n_prefix_and_normalize`)
- `_own_code`       the region's own calling code in front, without a "+"             (`_maybe_extract_country_code`)
- `_national`       all of it, for digits as they are dialled in one region           (`parse`)

A number that is rewritten instead of cut (some Argentine mobiles, local numbers of small islands) is left to the library: ASK.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

import phonenumbers
from phonenumbers import PhoneMetadata

from outcamp.frames.phone_machine import Known, Machine, Settled
from outcamp.frames.phone_owners import Owners
from outcamp.frames.phone_patterns import Pattern, Threads
from outcamp.frames.phone_prefix import Cutting, NationalPrefix

ASK: Final = "ask"
LONGEST_CODE: Final = 3


class Reading(NamedTuple):
    """A valid number: its calling code, how many of the typed digits, from the end, follow it, and its joined zones or ""."""

    code: str
    kept: int
    zones: str


Outcome: TypeAlias = Reading | Literal["ask"] | None  # None: not a valid number


class Abroad(NamedTuple):
    """A call abroad: where the international prefix ended, if it did, and the state of ``typed`` for what follows it."""

    length: int
    threads: Threads
    start: int | None
    number: int


class OwnCode(NamedTuple):
    """A number after its own calling code: does it fit the region's general pattern, and what is it?"""

    is_general: bool
    outcome: Outcome


class National(NamedTuple):
    """All that digits could be in a region, walked side by side."""

    length: int
    abroad: int
    own_code: int
    general: int
    home: int


class Dialling:
    """The machine ``typed`` with its starts: ``international`` for digits after a "+", ``national`` for each region."""

    def __init__(self) -> None:
        self.typed: Machine[Outcome] = Machine()
        self._owners = Owners()
        self._homes: dict[tuple[str, int], int] = {}
        self._abroads: Machine[int | None] = Machine()
        self._own_codes: Machine[OwnCode | None] = Machine()
        self._call = self._international(unknown=None)
        # After a "+", an unknown calling code makes the library start again without the "+".
        self.international = self._international(unknown=ASK)
        regions = sorted(phonenumbers.SUPPORTED_REGIONS)
        self.national = {region: self._national(PhoneMetadata.metadata_for_region(region)) for region in regions}

    def _home(self, metadata: PhoneMetadata) -> int:
        """A national number is read with a region's national prefix, and judged under its calling code."""
        key = (metadata.id, metadata.country_code)
        if key not in self._homes:
            self._homes[key] = self._add_home(metadata)
        return self._homes[key]

    def _add_home(self, metadata: PhoneMetadata) -> int:
        code, owners = metadata.country_code, self._owners
        prefix = NationalPrefix(metadata, owners.languages, owners.general(metadata), owners.valid, owners.start(code))

        def outcome(state: Cutting) -> Outcome:
            split = prefix.split(state)
            if split is None:
                return ASK
            cut, candidate = split
            if not _may_follow_prefix(state.length - cut, metadata):
                cut, candidate = 0, state.whole
            zones = owners.valid.outcomes[candidate.number]
            return None if zones is None else Reading(str(code), state.length - cut, zones)

        def step(state: Cutting, digit: int) -> Cutting | Settled[Outcome]:
            moved = prefix.step(state, digit)
            return Settled(outcome(moved)) if prefix.is_settled(moved) else moved

        return self.typed.add(prefix.begin(), step, outcome)

    def _main_home(self, code: int) -> int:
        """A number after its calling code is read as in the main region of that code."""
        return self._home(PhoneMetadata.metadata_for_region_or_calling_code(code, phonenumbers.region_code_for_country_code(code)))

    def _international(self, unknown: Outcome) -> int:
        codes = {str(code): code for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE}

        def step(typed: str, digit: int) -> str | Known | Settled[Outcome]:
            typed += str(digit)
            if typed in codes:
                return Known(self._main_home(codes[typed]))
            return Settled(unknown) if typed[0] == "0" or len(typed) == LONGEST_CODE else typed

        return self.typed.add("", step, lambda _: None)

    def _abroad(self, metadata: PhoneMetadata) -> int:
        """An international prefix is in front, and no 0 follows it, with which no calling code begins.

        The outcome is the state of ``typed`` for the digits after the prefix, or None if this is no call abroad.
        """
        if metadata.international_prefix is None:
            return self._abroads.settled(None)
        prefix = Pattern(metadata.international_prefix)

        def step(state: Abroad, digit: int) -> Abroad | Settled[int | None]:
            length, threads = state.length + 1, prefix.step(state.threads, digit)
            start, number = state.start, self.typed.following[state.number][digit]
            if start == state.length and digit == 0:
                start = None
            if (match := prefix.matched(threads, at_end=False)) is not None:
                threads, start, number = threads[:match], length, self._call
            moved = Abroad(length, threads, start, number)
            return moved if threads or start == length else Settled(outcome(moved))

        def outcome(state: Abroad) -> int | None:
            return None if state.start is None else state.number

        return self._abroads.add(Abroad(0, prefix.start, None, self._call), step, outcome)

    def _own_code(self, metadata: PhoneMetadata) -> int:
        """The region's calling code is in front. A national prefix may follow it, and then even another one."""
        main_home = self._main_home(metadata.country_code)
        prefix = NationalPrefix(metadata, self._owners.languages, self._owners.general(metadata), self.typed, main_home)

        def step(state: str | Cutting, digit: int) -> str | Cutting | Settled[OwnCode | None]:
            if isinstance(state, Cutting):
                moved = prefix.step(state, digit)
                return Settled(outcome(moved)) if prefix.is_settled(moved) else moved
            if str(digit) != state[0]:
                return Settled(None)
            return state[1:] or prefix.begin()

        def outcome(state: str | Cutting) -> OwnCode | None:
            if not isinstance(state, Cutting):
                return None
            split = prefix.split(state)
            if split is None:
                return OwnCode(is_general=True, outcome=ASK)
            _, candidate = split
            return OwnCode(prefix.is_general(candidate), self.typed.outcomes[candidate.number])

        return self._own_codes.add(str(metadata.country_code), step, outcome)

    def _national(self, metadata: PhoneMetadata) -> int:
        """Digits are a call abroad; or have their own calling code in front; or are a number of the region."""
        languages, general = self._owners.languages, metadata.general_desc
        too_long = max(*general.possible_length, *general.possible_length_local_only, 0) + 1

        def step(state: National, digit: int) -> National | Known | Settled[Outcome]:
            moved = National(
                min(state.length + 1, too_long),
                self._abroads.following[state.abroad][digit],
                self._own_codes.following[state.own_code][digit],
                languages.following[state.general][digit],
                self.typed.following[state.home][digit],
            )
            if not self._abroads.is_settled(moved.abroad):
                return moved
            call = self._abroads.outcomes[moved.abroad]
            if call is not None:
                return Known(call)
            if not self._own_codes.is_settled(moved.own_code):
                return moved
            if self._own_codes.outcomes[moved.own_code] is None:
                return Known(moved.home)
            everything_else = languages.is_settled(moved.general) and self.typed.is_settled(moved.home) and moved.length == too_long
            return Settled(outcome(moved)) if everything_else else moved

        def outcome(state: National) -> Outcome:
            call = self._abroads.outcomes[state.abroad]
            if call is not None:
                return self.typed.outcomes[call]
            own_code = self._own_codes.outcomes[state.own_code]
            is_general = languages.outcomes[state.general]
            if own_code is not None and (state.length == too_long or (own_code.is_general and not is_general)):
                return own_code.outcome
            return self.typed.outcomes[state.home]

        start = National(0, self._abroad(metadata), self._own_code(metadata), self._owners.general(metadata), self._home(metadata))
        return self.typed.add(start, step, outcome)


def _may_follow_prefix(length: int, metadata: PhoneMetadata) -> bool:
    """Return whether a number that remains after a national prefix has a length for that (`_test_number_length`)."""
    possible, local_only = metadata.general_desc.possible_length, metadata.general_desc.possible_length_local_only
    return length not in local_only and (length in possible or length > max(possible))
