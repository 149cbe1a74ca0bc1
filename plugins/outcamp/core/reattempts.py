"""What happens after an attempt: the rules that make the next one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from outcamp.core.dispositions import DISPOSITIONS, Channel
from outcamp.core.durations import Duration
from outcamp.core.errors import closest
from outcamp.core.frozen import Frozen
from outcamp.core.problems import Problem, refused

ALL_DISPOSITIONS: Final = tuple(dict.fromkeys(code for codes in DISPOSITIONS.values() for code in codes))


def _check_dispositions(codes: tuple[str, ...]) -> tuple[str, ...]:
    if not codes:
        raise refused(Problem("The list is empty.", next_step="Name at least one disposition."))
    problems = [
        Problem(
            f"{code!r} is not a disposition.",
            at=(index,),
            value=code,
            closest=closest(code, ALL_DISPOSITIONS),
            next_step=f"Use one of: {', '.join(ALL_DISPOSITIONS)}.",
        )
        for index, code in enumerate(codes)
        if code not in ALL_DISPOSITIONS
    ]
    if problems:
        raise refused(*problems)
    return codes


class ReattemptRule(Frozen):
    """When an attempt ended in one of these dispositions, make the next one on this channel."""

    when: Annotated[tuple[str, ...], AfterValidator(_check_dispositions)] = Field(
        description="The dispositions that this rule is for.", json_schema_extra={"minItems": 1, "items": {"enum": [*ALL_DISPOSITIONS]}}
    )
    channel: Channel = Field(description="The channel of the next attempt.")
    wait: Duration = Field(default=timedelta(0), description="How long after the disposition the next attempt is due.")
    times: int = Field(default=1, ge=1, le=1000, description="How often the rule may be used for one entry.")


def rule_problems(main: Channel, rules: Sequence[ReattemptRule]) -> list[Problem]:
    """Return a problem for each disposition that can never be when its rule is asked."""
    problems = []
    for position, rule in enumerate(rules):
        before = channels_before(main, rules, position)
        known = tuple(dict.fromkeys(code for channel in before for code in DISPOSITIONS[channel]))
        problems += [
            Problem(
                f"{code!r} can never be the outcome here: no attempt by {' or '.join(before)} ends so.",
                at=(position, "when", index),
                value=code,
                closest=closest(code, known),
                next_step=f"Use one of: {', '.join(known)}.",
            )
            for index, code in enumerate(rule.when)
            if code not in known
        ]
    return problems


def channels_before(main: Channel, rules: Sequence[ReattemptRule], position: int) -> tuple[Channel, ...]:
    """Return the channels whose attempts can come to a rule: the main one, and those of rules that can be used before it."""
    reached = [main]
    used = True
    waiting = [rule for index, rule in enumerate(rules) if index != position or rule.times > 1]
    while used:
        codes = {code for channel in reached for code in DISPOSITIONS[channel]}
        used = False
        for rule in waiting:
            if rule.channel not in reached and not codes.isdisjoint(rule.when):
                reached.append(rule.channel)
                used = True
    return tuple(reached)
