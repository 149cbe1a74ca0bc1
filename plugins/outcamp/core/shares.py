"""Shares of a whole, written as percentages."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Final

from pydantic import PlainSerializer, WithJsonSchema

from outcamp.core.text_form import text_form

_FORM: Final = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?) *%")


def parse_share(text: str) -> float:
    """Return the fraction that a percentage like ``5%`` or ``0.1%`` says; raise ValueError when it says none."""
    form = _FORM.fullmatch(text.strip())
    if form is None or Decimal(form[1]) > 100:
        raise ValueError(f"{text!r} is not a percentage.")
    return float(Decimal(form[1]) / 100)


def format_share(share: float) -> str:
    """Return the percentage that reads back as exactly this fraction."""
    # repr is the shortest text that is this float; scaling it by binary arithmetic would add noise (0.07 * 100).
    percent = f"{Decimal(repr(share)) * 100:f}"
    return f"{percent.rstrip('0').rstrip('.') if '.' in percent else percent}%"


Share = Annotated[
    float,
    # A bare 5 could be five percent or five hundred, so the sign must be there.
    text_form(parse_share, "A percentage", "Write a number from 0 to 100 and %: 5%, 0.1%."),
    PlainSerializer(format_share, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^ *[0-9]{1,3}(\.[0-9]{1,6})? *% *$", "examples": ["5%", "0.1%"]}),
]
