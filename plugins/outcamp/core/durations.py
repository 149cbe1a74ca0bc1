"""Durations as people write them: a whole number and a unit."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Final

from pydantic import PlainSerializer, WithJsonSchema

from outcamp.core.errors import closest
from outcamp.core.text_form import text_form

UNITS: Final = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
# Far beyond any campaign, and near enough that an instant minus a duration is always an instant.
LONGEST: Final = timedelta(days=36_500)

_FORM: Final = re.compile(r"([0-9]{1,12}) +([A-Za-z]+)")
_EXAMPLE: Final = "Write a whole number and second, minute, hour, day or week: 30 minutes, 2 days, 1 week."


def parse_duration(text: str) -> timedelta:
    """Return the duration that a text like ``30 minutes`` says; raise ValueError when it says none."""
    form = _FORM.fullmatch(text.strip())
    if form is None:
        raise ValueError(f"{text!r} is not a duration.")
    count, word = int(form[1]), form[2]
    unit = UNITS.get(word.removesuffix("s"))
    if unit is None:
        raise ValueError(f"{word!r} is not a unit of time.")
    if count > LONGEST // unit:
        raise ValueError(f"{text!r} is longer than 100 years.")
    return count * unit


def format_duration(duration: timedelta) -> str:
    """Return the shortest exact text of a duration, in the largest unit that divides it: ``2 weeks``, ``90 minutes``."""
    for name in ("week", "day", "hour", "minute", "second"):
        count, rest = divmod(duration, UNITS[name])
        if not rest and (count or name == "second"):
            return f"{count} {name}" if count == 1 else f"{count} {name}s"
    raise ValueError(f"{duration!r} is not a whole number of seconds.")


def _closest_text(text: str) -> str | None:
    form = re.fullmatch(r"\s*([0-9]{1,12})\s*([A-Za-z]+)\s*", text)
    if form is None:
        return None
    count = int(form[1])
    unit = closest(form[2].lower(), [name + "s" * (count != 1) for name in UNITS])
    near = f"{count} {unit}"
    return near if unit and near != text else None


Duration = Annotated[
    timedelta,
    text_form(parse_duration, "A duration, a number and a unit,", _EXAMPLE, _closest_text),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(
        {"type": "string", "pattern": r"^ *[0-9]{1,12} +(second|minute|hour|day|week)s? *$", "examples": ["30 minutes", "2 days"]}
    ),
]
