"""The campaign: everything that a campaign file says, checked and frozen."""

from __future__ import annotations

import dataclasses
import re
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from outcamp.core.channels import Channels
from outcamp.core.communication_time import CommunicationTime
from outcamp.core.dispositions import Channel
from outcamp.core.frozen import Frozen
from outcamp.core.limits import Breakers, EntryLimits, Limit
from outcamp.core.notify import Notified
from outcamp.core.presets import limits_of, preset_problems, tightened
from outcamp.core.problems import Problem, refused
from outcamp.core.reattempts import ReattemptRule, rule_problems
from outcamp.core.schedule import Schedule
from outcamp.core.segment import ExternalSegment, FileSegment, Name, Segment, SqlSegment
from outcamp.core.shares import Share

NAME_PATTERN: Final = "[A-Za-z0-9][A-Za-z0-9-]{0,99}"


def is_name(text: str) -> bool:
    """Say whether a text may be a campaign's name."""
    return re.fullmatch(NAME_PATTERN, text) is not None


def _check_name(name: str) -> str:
    if not is_name(name):
        suggestion = re.sub("[^A-Za-z0-9]+", "-", name).strip("-")[:100] or None
        problem = f"{name!r} cannot be a campaign's name."
        next_step = "Use 1 to 100 letters (a to z), digits and -, and begin with a letter or a digit."
        raise refused(Problem(problem, value=name, closest=suggestion, next_step=next_step))
    return name


class Campaign(Frozen):
    """An outbound campaign of outcamp."""

    name: Annotated[str, AfterValidator(_check_name)] = Field(
        description="Letters, digits and -; also the name of the file.", json_schema_extra={"pattern": f"^{NAME_PATTERN}$"}
    )
    description: str = Field(default="", description="What the campaign is for.")
    owner: str | None = Field(default=None, min_length=1, description="Who answers for it.")
    segment: Segment = Field(description="Where recipients come from: {sql: ...}, {file: ...} or external.")
    channel: Channel = Field(description="The channel of the first attempt.")
    channels: Channels = Field(description="A block for each channel that is used here.")
    endpoints: tuple[Name, ...] = Field(default=(), description="Several phone columns (or e-mail columns); the first valid one is used.")
    communication_limits: tuple[Limit, ...] = Field(default=(), description="A recipient who reached any of them is not contacted.")
    counts: Literal["active_campaigns", "all_campaigns"] = Field(
        default="active_campaigns", description="Whose communications the limits count."
    )
    on_limit: Literal["drop", "defer"] = Field(default="drop", description="What becomes of a recipient who reached a limit.")
    ignore_total_limits: bool = Field(default=False, description="Neither obey the deployment's total limits nor count towards them.")
    reattempts: tuple[ReattemptRule, ...] = Field(
        default=(), description="The first rule that names the disposition makes the next attempt."
    )
    communication_time: CommunicationTime | None = Field(default=None, description="When recipients may be contacted; left out, always.")
    schedule: Schedule = Field(default_factory=Schedule, description="When the campaign starts, repeats and ends.")
    entry_limits: EntryLimits | None = Field(default=None, description="How often one recipient may enter.")
    while_active: Literal["skip", "defer"] = Field(default="skip", description="What becomes of a recipient who is still in the campaign.")
    holdout: Share = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="A stable share of recipients that is never contacted: 5%.",
        json_schema_extra={"default": "0%"},
    )
    review: bool = Field(default=False, description="A person approves the funnel before the first send of each occurrence.")
    breakers: Breakers | None = Field(default=None, description="The rates at which the campaign goes into Error by itself.")
    presets: tuple[Name, ...] = Field(default=(), description="Compliance presets; they tighten, never loosen.")
    notify: tuple[Notified, ...] = Field(default=(), description="Airflow connections or notifiers that are told of failures.")

    @property
    def is_external(self) -> bool:
        """Whether recipients are pushed in: each push is an occurrence, and the schedule has none of its own."""
        return isinstance(self.segment, ExternalSegment)

    @property
    def channels_used(self) -> tuple[Channel, ...]:
        """The main channel and then those of the reattempts, each once, in this order."""
        return tuple(dict.fromkeys([self.channel, *(rule.channel for rule in self.reattempts)]))

    @property
    def contact_time(self) -> CommunicationTime | None:
        """The communication time within the hours of the presets: what the rules go by."""
        return tightened(self.presets, self.communication_time)

    @property
    def limits(self) -> tuple[Limit, ...]:
        """The communication limits, the presets' among them."""
        return (*self.communication_limits, *limits_of(self.presets))

    @property
    def endpoint_columns(self) -> tuple[str, ...]:
        """The columns that ``endpoints`` names, under the names that they have after ``segment.columns``: each once, in this order."""
        columns = {} if isinstance(self.segment, ExternalSegment) else self.segment.columns
        meaning = {source: means for means, source in columns.items()}
        return tuple(dict.fromkeys(name if name in columns else meaning.get(name, name) for name in self.endpoints))

    @model_validator(mode="after")
    def _rules_between_fields(self) -> Self:
        problems = [
            Problem(
                f"The campaign uses {channel}, and channels has no block for it.",
                at=("channels", channel),
                next_step=f"Add {channel}: with its settings to channels.",
            )
            for channel in self.channels_used
            if channel not in self.channels
        ]
        problems += [
            dataclasses.replace(problem, at=("reattempts", *problem.at)) for problem in rule_problems(self.channel, self.reattempts)
        ]
        problems += [
            Problem(f"The column {column!r} is named twice.", at=("endpoints", position), value=column, next_step="Remove one.")
            for position, column in enumerate(self.endpoints)
            if column in self.endpoints[:position]
        ]
        problems += preset_problems(self.presets, self.communication_time, self.channels_used)
        if problems:
            raise refused(*problems)
        return self


__all__ = [
    "Breakers", "Campaign", "Channel", "CommunicationTime", "EntryLimits", "ExternalSegment", "FileSegment",
    "Limit", "ReattemptRule", "Schedule", "Segment", "SqlSegment", "is_name",
]  # fmt: skip
