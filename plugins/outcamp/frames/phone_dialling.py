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

from outcamp.frames.phone_machine import Known, Machine, Settled
from outcamp.frames.phone_owners import Owners
from outcamp.frames.phone_patterns import Pattern, Threads
from outcamp.frames.phone_plans import REGIONS_OF_CODE, NumberPlan, main_plan, number_plan
from outcamp.frames.phone_prefix import Cutting, NationalPrefix

ASK: Final = "ask"
LONGEST_CODE: Final = 3
NO_COUNTRY: Final = "001"


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
        self._homes: dict[NumberPlan, int] = {}
        self._abroads: Machine[int | None] = Machine()
        self._own_codes: Machine[OwnCode | None] = Machine()
        self._call = self._international(unknown=None)
        # After a "+", an unknown calling code makes the library start again without the "+".
        self.international = self._international(unknown=ASK)
        plans = [number_plan(code, region) for code, regions in REGIONS_OF_CODE.items() for region in regions if region != NO_COUNTRY]
        self.national = {plan.region: self._national(plan) for plan in plans}

    def _home(self, plan: NumberPlan) -> int:
        """A national number is read with a region's national prefix, and judged under its calling code."""
        if plan not in self._homes:
            self._homes[plan] = self._add_home(plan)
        return self._homes[plan]

    def _add_home(self, plan: NumberPlan) -> int:
        owners, code = self._owners, str(plan.code)
        prefix = NationalPrefix(plan, owners.languages, owners.general(plan), owners.valid, owners.start(plan.code))

        def outcome(state: Cutting) -> Outcome:
            split = prefix.split(state)
            if split is None:
                return ASK
            cut, candidate = split
            if not plan.may_follow_prefix(state.length - cut):
                cut, candidate = 0, state.whole
            zones = owners.valid.outcomes[candidate.number]
            return None if zones is None else Reading(code, state.length - cut, zones)

        def step(state: Cutting, digit: int) -> Cutting | Settled[Outcome]:
            moved = prefix.step(state, digit)
            return Settled(outcome(moved)) if prefix.is_settled(moved) else moved

        return self.typed.add(prefix.begin(), step, outcome)

    def _international(self, unknown: Outcome) -> int:
        """A calling code is in front; the number after it is read as in the main region of that code."""
        homes = {str(code): self._home(main_plan(code)) for code in REGIONS_OF_CODE}

        def step(typed: str, digit: int) -> str | Known | Settled[Outcome]:
            typed += str(digit)
            if typed in homes:
                return Known(homes[typed])
            return Settled(unknown) if typed[0] == "0" or len(typed) == LONGEST_CODE else typed

        return self.typed.add("", step, lambda _: None)

    def _abroad(self, plan: NumberPlan) -> int:
        """An international prefix is in front, and no 0 follows it, with which no calling code begins.

        The outcome is the state of ``typed`` for the digits after the prefix, or None if this is no call abroad.
        """
        if not plan.international_prefix:
            return self._abroads.settled(None)
        prefix = Pattern(plan.international_prefix)

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

    def _own_code(self, plan: NumberPlan) -> int:
        """The region's calling code is in front. A national prefix may follow it, and then even another one."""
        main_home = self._home(main_plan(plan.code))
        prefix = NationalPrefix(plan, self._owners.languages, self._owners.general(plan), self.typed, main_home)
        start: str | Cutting = str(plan.code)

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

        return self._own_codes.add(start, step, outcome)

    def _national(self, plan: NumberPlan) -> int:
        """Digits are a call abroad; or have their own calling code in front; or are a number of the region."""
        languages = self._owners.languages
        # From here on, length makes no difference any more.
        too_long = max(*plan.general.lengths, *plan.local_only, 0) + 1

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
            if own_code is not None and (plan.is_too_long(state.length) or (own_code.is_general and not is_general)):
                return own_code.outcome
            return self.typed.outcomes[state.home]

        start = National(0, self._abroad(plan), self._own_code(plan), self._owners.general(plan), self._home(plan))
        return self.typed.add(start, step, outcome)
