"""How often a recipient may be contacted, and enter a campaign."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Self

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from outcamp.core.durations import Duration
from outcamp.core.errors import UsageError
from outcamp.core.frozen import Frozen
from outcamp.core.problems import Problem, refused
from outcamp.core.shares import Share


class Limit(Frozen):
    """The most communications that a recipient gets in any stretch of this length."""

    count: int = Field(ge=1, le=1_000_000, description="The most communications in any such window.")
    within: Duration = Field(gt=timedelta(0), description="A rolling window: 2 days is 48 hours back from now.")


def read_limits(text: str | None, name: str) -> tuple[Limit, ...]:
    """Return the limits that a setting lists as JSON; nothing is none, and anything else is refused by the setting's name."""
    if not text:
        return ()
    try:
        return TypeAdapter(tuple[Limit, ...]).validate_python(json.loads(text))
    except (ValueError, ValidationError):
        next_step = 'Write a list as JSON: [{"count": 6, "within": "2 days"}].'
        raise UsageError(f"{name} is {text!r}, which is no list of limits.", next_step=next_step) from None


class EntryLimits(Frozen):
    """How often one recipient may enter the campaign."""

    max: int | None = Field(default=None, ge=1, le=1_000_000, description="The most entries that a recipient ever has.")
    min_interval: Duration | None = Field(default=None, gt=timedelta(0), description="The least time between two of them.")

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.max is None and self.min_interval is None:
            raise refused(Problem("Entry limits need max, min_interval, or both.", next_step="Add one, or leave entry_limits out."))
        return self


class Breakers(Frozen):
    """The rates at which the campaign goes into Error by itself."""

    errors: Share | None = Field(default=None, gt=0, le=1, description="The share of attempts that fail: 5%.")
    complaints: Share | None = Field(default=None, gt=0, le=1, description="The share of attempts that are complained about: 0.1%.")
