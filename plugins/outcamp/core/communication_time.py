"""When recipients may be contacted: the zone of their clock, windows of the week, and days that are excepted."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    WithJsonSchema,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from outcamp.core.dispositions import Channel
from outcamp.core.durations import Duration, format_duration
from outcamp.core.errors import closest
from outcamp.core.frozen import Frozen
from outcamp.core.local_time import CalendarDay, MinuteOfDay, closest_zone, format_minute
from outcamp.core.problems import Problem, refused
from outcamp.core.zones import is_zone

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WHOLE_NAMES: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
RECIPIENT: Final = "recipient"
MIDNIGHT: Final = 24 * 60

_DAY_PATTERN: Final = f"({'|'.join(DAYS)})"
_DAYS_EXAMPLE: Final = "Write a day (mon), a range (mon-fri, sat-mon) or a list ([mon, wed])."


def parse_days(value: str) -> tuple[int, ...]:
    """Return the weekdays, Monday being 0, that a name or a range says; a range may run over the end of the week."""
    names = value.split("-")
    for name in names:
        if name not in DAYS:
            raise refused(Problem(f"{name!r} is not a day.", value=value, closest=_closest_day(name), next_step=_DAYS_EXAMPLE))
    if len(names) > 2:
        raise refused(Problem(f"{value!r} is not a range of days.", value=value, next_step=_DAYS_EXAMPLE))
    first, last = DAYS.index(names[0]), DAYS.index(names[-1])
    return tuple((first + day) % 7 for day in range((last - first) % 7 + 1))


def _closest_day(name: str) -> str | None:
    near = closest(name, (*DAYS, *_WHOLE_NAMES))
    return near and near[:3]


def _read_days(value: object, info: ValidationInfo) -> object:
    days = value if isinstance(value, list | tuple | set | frozenset) else [value]
    if not days:
        raise refused(Problem("A window needs at least one day.", next_step=_DAYS_EXAMPLE))
    numbers: set[int] = set()
    for day in days:
        if isinstance(day, str):
            numbers.update(parse_days(day))
        elif isinstance(day, int) and not isinstance(day, bool) and 0 <= day <= 6 and info.mode != "json":
            numbers.add(day)  # Python code counts days; a file names them
        else:
            raise refused(Problem(f"{day!r} is not a day.", value=value, next_step=_DAYS_EXAMPLE))
    return tuple(sorted(numbers))


Weekdays = Annotated[
    tuple[int, ...],
    BeforeValidator(_read_days),
    PlainSerializer(lambda days: [DAYS[day] for day in days], return_type=list[str]),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": f"^{_DAY_PATTERN}(-{_DAY_PATTERN})?$"},
                {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": f"^{_DAY_PATTERN}(-{_DAY_PATTERN})?$"}},
            ],
            "examples": ["mon-fri", "sat", ["mon", "wed"]],
        }
    ),
]

_OF_CHANNELS: Final = "The channels that this is for; left out, all of them."


class Window(Frozen):
    """A stretch of the day, ``[from, to)`` on the wall clock, on some weekdays."""

    days: Weekdays = Field(description="A day (mon), a range (mon-fri) or a list.")
    start_minute: MinuteOfDay = Field(alias="from", ge=0, le=MIDNIGHT, description='The first minute: "09:00".')
    end_minute: MinuteOfDay = Field(
        alias="to", ge=0, le=MIDNIGHT, description='The minute after the last one: "18:00"; "24:00" is midnight.'
    )
    channels: tuple[Channel, ...] = Field(default=(), description=_OF_CHANNELS)

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.end_minute <= self.start_minute:
            start, end = format_minute(self.start_minute), format_minute(self.end_minute)
            two = f'{{from: "{start}", to: "24:00"}}, and {{from: "00:00", to: "{end}"}} the next day'
            midnight = 'Midnight at the end of the day is written to: "24:00".'
            next_step = midnight if self.end_minute == 0 else f"For a window across midnight write two: {two}."
            problem = f"The window ends at {end}, which is not after its start at {start}."
            raise refused(Problem(problem, at=("to",), value=end, next_step=next_step))
        return self


def _single_day(fields: dict[str, Any]) -> Any:
    return fields.get("single")


class ExceptionDays(Frozen):
    """Calendar days, the first and the last included, on which nobody is contacted."""

    name: str = Field(min_length=1, description="For people only.")
    single: CalendarDay | None = Field(default=None, alias="date", description="A single day.")
    start: CalendarDay = Field(default_factory=_single_day, alias="from", description="The first day.")
    end: CalendarDay = Field(default_factory=_single_day, alias="to", description="The last day, included.")
    channels: tuple[Channel, ...] = Field(default=(), description=_OF_CHANNELS)

    @model_validator(mode="after")
    def _said_in_one_way(self) -> Self:
        if self.single is not None and not self.model_fields_set.isdisjoint({"start", "end"}):
            problem = "An exception has either a date, or from and to."
            raise refused(Problem(problem, at=("date",), value=str(self.single), next_step="Remove one."))
        missing = [name for name, day in (("from", self.start), ("to", self.end)) if day is None]
        if missing:
            name = "date" if len(missing) > 1 else missing[0]
            raise refused(Problem(f"{name} is missing.", at=(name,), next_step="Add date, or from and to."))
        return self

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.end < self.start:
            problem = f"The exception ends on {self.end}, before its start on {self.start}."
            raise refused(
                Problem(problem, at=("to",), value=str(self.end), next_step="Both days are included: the same day twice is one day.")
            )
        return self

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = handler(self)
        unwritten = {"date"} if self.single is None else {"from", "to"}
        return {name: value for name, value in written.items() if name not in unwritten}

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core_schema))
        schema["oneOf"] = [{"required": ["date"], "properties": {"from": False, "to": False}}, {"required": ["from", "to"]}]
        return schema


Source = Literal["column", "address", "area_code"]


def _check_clock(name: str) -> str:
    if name == RECIPIENT or is_zone(name):
        return name
    near = closest(name.lower(), [RECIPIENT]) or closest_zone(name)
    next_step = f"Write {RECIPIENT}, or a name of the IANA time zone database, such as America/New_York."
    raise refused(Problem(f"{name!r} is not a time zone.", value=name, closest=near, next_step=next_step))


def _check_sources(sources: tuple[Source, ...]) -> tuple[Source, ...]:
    if not sources:
        raise refused(Problem("The list is empty.", next_step="Name at least one source, or leave detect out."))
    for position, source in enumerate(sources):
        if source in sources[:position]:
            raise refused(Problem(f"{source!r} is named twice.", at=(position,), value=source, next_step="Remove one."))
    return sources


class CommunicationTime(Frozen):
    """The clock that counts for a recipient, and when it allows to contact them."""

    time_zone: Annotated[str, AfterValidator(_check_clock)] = Field(description="recipient, or one IANA zone for all: America/New_York.")
    detect: Annotated[tuple[Source, ...], AfterValidator(_check_sources)] = Field(
        default=("column", "address", "area_code"),
        description="Where a recipient's zone is looked for, in this order.",
        json_schema_extra={"minItems": 1, "uniqueItems": True},
    )
    scope: Literal["all", "first"] = Field(
        default="all", description="All zones that can be inferred, or those of the first source that says something."
    )
    active: tuple[Window, ...] = Field(default=(), description="When recipients may be contacted; left out, always.")
    exceptions: tuple[ExceptionDays, ...] = Field(default=(), description="Days on which nobody is contacted.")
    stop_early: Duration = Field(default=timedelta(0), description="How long before a window's end the last message goes.")

    @model_validator(mode="after")
    def _rules_between_fields(self) -> Self:
        problems = []
        if self.exceptions and not self.active:
            next_step = 'Add active: for instance [{days: mon-sun, from: "09:00", to: "20:00"}].'
            problems.append(Problem("Exceptions need active times to be exceptions from.", at=("exceptions",), next_step=next_step))
        for position, window in enumerate(self.active):
            length = timedelta(minutes=window.end_minute - window.start_minute)
            if length <= self.stop_early:
                early = format_duration(self.stop_early)
                problem = f"The window lasts {format_duration(length)} and stop_early is {early}: it would never be open."
                problems.append(Problem(problem, at=("active", position), next_step="Make the window longer or stop_early shorter."))
        if problems:
            raise refused(*problems)
        return self
