"""Which national numbers are valid under a calling code, and the time zones that they say something about.

Three machines, each made from the one before it and each following functions of `phonenumbers` (named in the docstrings):
a number matches a pattern; it is of a kind in one region; it is owned by a region of its calling code.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, NamedTuple, TypeAlias

from phonenumbers.tzdata import TIMEZONE_DATA

from outcamp.core.zones import join_zones, zones_of_number_say
from outcamp.frames.phone_machine import Machine, Settled
from outcamp.frames.phone_patterns import Pattern, Threads
from outcamp.frames.phone_plans import REGIONS_OF_CODE, Description, NumberPlan, number_plan

Kind: TypeAlias = Literal["somewhere", "nowhere"] | None  # belongs to a place; to no place; is not valid

# Digits after which the zone table may still have something longer.
UNFINISHED = frozenset(prefix[:length] for prefix in TIMEZONE_DATA for length in range(len(prefix)))


class Walk(NamedTuple):
    """How far a pattern has been walked."""

    threads: Threads
    length: int


class Ownership(NamedTuple):
    """What is known after some digits: of each region its leading digits and its kinds; and what the zone table says."""

    leads: tuple[int, ...]
    kinds: tuple[int, ...]
    prefix: str | None  # all digits with the calling code, while the zone table may have something longer
    zones: str


class Owners:
    """The machines for validity; ``valid`` has the joined zones of a valid number as outcome ("": none), None for an invalid one."""

    def __init__(self) -> None:
        self.languages: Machine[bool] = Machine()
        self.valid: Machine[str | None] = Machine()
        self._kinds: Machine[Kind] = Machine()
        self._starts: dict[int, int] = {}

    def start(self, code: int) -> int:
        """Return where ``valid`` starts for the numbers of this calling code (`region_code_for_number`, `is_valid_number`)."""
        if code not in self._starts:
            self._starts[code] = self._owned(code)
        return self._starts[code]

    def general(self, plan: NumberPlan) -> int:
        """Return where ``languages`` starts for all numbers that a region could have, of whatever length."""
        return self._matching(plan.general.pattern)

    def _described(self, description: Description) -> int:
        """A number fits a description (`_is_number_matching_desc`)."""
        return self._matching(description.pattern, description.lengths)

    def _matching(self, text: str, lengths: Collection[int] = ()) -> int:
        if not text:
            return self.languages.settled(False)
        pattern = Pattern(text)

        def step(walk: Walk, digit: int) -> Walk | Settled[bool]:
            threads = pattern.step(walk.threads, digit)
            return Walk(threads, walk.length + 1) if threads else Settled(False)

        def outcome(walk: Walk) -> bool:
            return pattern.matched(walk.threads, at_end=True) is not None and (not lengths or walk.length in lengths)

        return self.languages.add(Walk(pattern.start, 0), step, outcome)

    def _leading(self, digits: str) -> int:
        """A number begins with these digits, whatever follows."""
        pattern = Pattern(digits)

        def step(threads: Threads, digit: int) -> Threads | Settled[bool]:
            threads = pattern.step(threads, digit)
            found = pattern.matched(threads, at_end=False) is not None
            return threads if threads and not found else Settled(found)

        return self.languages.add(pattern.start, step, lambda _: False)

    def _kind(self, plan: NumberPlan) -> int:
        """A number is of a kind in one region (`number_type`)."""
        languages = self.languages
        mobile_kind: Kind = "somewhere" if plan.mobile_has_place else "nowhere"

        def step(state: tuple[int, ...], digit: int) -> tuple[int, ...] | Settled[Kind]:
            moved = languages.step(state, digit)
            return Settled(None) if languages.is_settled(moved[0]) else moved

        def outcome(state: tuple[int, ...]) -> Kind:
            is_general, is_fixed, is_mobile, *is_without_place = (languages.outcomes[one] for one in state)
            if not is_general:
                return None
            if any(is_without_place):
                return "nowhere"
            return "somewhere" if is_fixed else mobile_kind if is_mobile else None

        descriptions = (plan.general, plan.fixed, plan.mobile, *plan.without_place)
        return self._kinds.add(tuple(self._described(one) for one in descriptions), step, outcome)

    def _owned(self, code: int) -> int:
        """A number is owned by the first region that has its leading digits or, where none are listed, calls it valid."""
        plans = [number_plan(code, region) for region in REGIONS_OF_CODE[code]]
        leading = [plan.leading_digits if len(plans) > 1 else "" for plan in plans]
        code_says = _zones(str(code), only_calling_code=True)

        def step(state: Ownership, digit: int) -> Ownership | Settled[str | None]:
            kinds = self._kinds.step(state.kinds, digit)
            if all(self._kinds.is_settled(kind) for kind in kinds):
                return Settled(None)
            prefix = None if state.prefix is None else state.prefix + str(digit)
            zones = _zones(prefix, only_calling_code=False) if prefix in TIMEZONE_DATA else state.zones
            return Ownership(self.languages.step(state.leads, digit), kinds, prefix if prefix in UNFINISHED else None, zones)

        def outcome(state: Ownership) -> str | None:
            for digits, lead, kind in zip(leading, state.leads, state.kinds, strict=True):
                place = self._kinds.outcomes[kind]
                if self.languages.outcomes[lead] if digits else place:
                    return {"somewhere": state.zones, "nowhere": code_says, None: None}[place]
            return None

        leads = tuple(self._leading(digits) if digits else self.languages.settled(True) for digits in leading)
        return self.valid.add(Ownership(leads, tuple(self._kind(plan) for plan in plans), str(code), code_says), step, outcome)


def _zones(prefix: str, *, only_calling_code: bool) -> str:
    return join_zones(zones_of_number_say(TIMEZONE_DATA.get(prefix, ()), only_calling_code))
