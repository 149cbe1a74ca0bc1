"""The settings of each channel: who sends, by which transport, and what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import ConfigDict, Field, GetCoreSchemaHandler, PlainSerializer, WithJsonSchema, model_validator
from pydantic_core import CoreSchema, core_schema
from typing_extensions import TypedDict

from outcamp.core.dispositions import DEFAULT_DEADLINE, Channel
from outcamp.core.durations import UNITS, Duration
from outcamp.core.frozen import Frozen
from outcamp.core.problems import Problem, refused
from outcamp.core.shares import Share
from outcamp.core.text_form import text_form

# The transports that are built in; any other name is an Airflow connection.
SIMULATOR: Final = "simulator"
OUTBOX: Final = "outbox"
TEMPLATE_ENDING: Final = ".j2"

_PACE: Final = re.compile(r"([0-9]{1,9}) */ *(second|minute|hour|day)")


@dataclass(frozen=True)
class Pace:
    """How many messages a transport takes in a stretch of time."""

    count: int
    unit: str

    @property
    def per_second(self) -> float:
        """The pace in messages a second."""
        return self.count / UNITS[self.unit].total_seconds()

    def __str__(self) -> str:
        return f"{self.count}/{self.unit}"


def parse_pace(text: str) -> Pace:
    """Return the pace that a text like ``100/second`` says; raise ValueError when it says none."""
    form = _PACE.fullmatch(text.strip())
    if form is None or int(form[1]) == 0:
        raise ValueError(f"{text!r} is not a pace.")
    return Pace(int(form[1]), form[2])


PaceText = Annotated[
    Pace,
    text_form(parse_pace, "A pace", "Write messages per second, minute, hour or day: 100/second."),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^[1-9][0-9]{0,8} */ *(second|minute|hour|day)$", "examples": ["100/second"]}),
]


class ChannelSettings(Frozen):
    """What every channel has."""

    TEXTS: ClassVar[tuple[str, ...]] = ()

    transport: str = Field(
        default=SIMULATOR, min_length=1, description="An Airflow connection; or simulator or outbox, which are built in."
    )
    format: Literal["parquet", "csv"] | None = Field(default=None, description="outbox: what its files are; left out: parquet.")
    sender: str | None = Field(default=None, min_length=1, description="The number or the address that the message comes from.")
    pace: PaceText | None = Field(
        default=None, description="The most messages, or parts of an SMS, that the transport is given: 100/second."
    )
    batch_size: int = Field(default=5000, ge=1, le=100_000, description="The recipients that one task sends to.")
    outcome_deadline: Duration = Field(gt=timedelta(0), description="An attempt without an outcome by then becomes no_outcome.")

    @model_validator(mode="after")
    def _format_belongs_to_the_outbox(self) -> Self:
        if self.format is not None and self.transport != OUTBOX:
            raise refused(
                Problem(f"The transport {self.transport} has no format.", at=("format",), next_step="Remove it, or use transport: outbox.")
            )
        return self

    @property
    def texts(self) -> Mapping[str, str]:
        """The parts of the message by the name of their setting: the text itself, or the name of a template file."""
        parts = {name: getattr(self, name) for name in self.TEXTS}
        return {name: text for name, text in parts.items() if text is not None}


def _deadline(channel: Channel) -> Any:
    what = "An attempt without an outcome by then becomes no_outcome."
    return Field(default=DEFAULT_DEADLINE[channel], gt=timedelta(0), description=what)


def _text(description: str, *, optional: bool = False) -> Any:
    what = f"{description} Ends in .j2: a file in include/templates/; anything else is the text itself."
    return Field(default=None, min_length=1, description=what) if optional else Field(min_length=1, description=what)


class SmsSettings(ChannelSettings):
    """A text message."""

    TEXTS = ("body",)

    outcome_deadline: Duration = _deadline(Channel.SMS)
    body: str = _text("The message.")


class EmailSettings(ChannelSettings):
    """An e-mail; its body is plain text, HTML, or both."""

    TEXTS = ("subject", "body", "html", "unsubscribe")

    outcome_deadline: Duration = _deadline(Channel.EMAIL)
    subject: str = _text("The subject line.")
    body: str | None = _text("The message as plain text.", optional=True)
    html: str | None = _text("The message as HTML.", optional=True)
    unsubscribe: str | None = _text("The address behind the recipient's unsubscribe button.", optional=True)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.body is None and self.html is None:
            raise refused(Problem("An e-mail needs a body, as plain text, as html, or both.", at=("body",), next_step="Add body or html."))
        return self


class VoiceSettings(ChannelSettings):
    """What both voice channels have."""

    outcome_deadline: Duration = _deadline(Channel.AUTOMATED_VOICE)
    flow: str | None = Field(default=None, min_length=1, description="What the transport plays or runs when somebody answers.")
    ring_time: Duration = Field(
        default=timedelta(seconds=30),
        ge=timedelta(seconds=15),
        le=timedelta(seconds=60),
        description="How long it rings: 15 to 60 seconds.",
    )
    detect_machine: bool = Field(default=True, description="Tell an answering machine from a person; without it there is no voicemail.")


class AutomatedVoiceSettings(VoiceSettings):
    """A call that a machine makes alone."""


class Abandonment(Frozen):
    """The share of answered calls that a predictive dialler may leave without an agent."""

    target: Share = Field(gt=0, le=1, description="The share of answered calls without an agent: 3%.")
    within: Duration = Field(
        default=timedelta(seconds=2), gt=timedelta(0), description="A call is abandoned when no agent took it within this."
    )
    counted_from: Literal["connected", "greeting_start", "greeting_end"] = Field(
        default="connected", description="When the wait for an agent begins."
    )
    over: Duration = Field(
        default=timedelta(hours=24),
        ge=timedelta(hours=1),
        le=timedelta(hours=24),
        description="The stretch that the share is measured over.",
    )


Mode = Literal["agentless", "progressive", "predictive", "preview"]
# Which of the settings below belong to which mode.
_OF_MODE: Final[Mapping[str, tuple[Mode, ...]]] = {
    "agent_share": ("progressive", "predictive", "preview"),
    "abandonment": ("predictive",),
    "preview_time": ("preview",),
    "may_discard": ("preview",),
}


class AgentVoiceSettings(VoiceSettings):
    """A call that connects a recipient with an agent."""

    outcome_deadline: Duration = _deadline(Channel.AGENT_VOICE)
    queue: str | None = Field(default=None, min_length=1, description="The queue whose agents take the calls.")
    mode: Mode = Field(
        default="progressive", description="When a call is made: one for each free agent, ahead of them, or after a look at the recipient."
    )
    agent_share: float | None = Field(
        default=None, gt=0, le=2, allow_inf_nan=False, description="The weight for free agents of the queue: 1.0."
    )
    abandonment: Abandonment | None = Field(default=None, description="predictive: how many calls may go without an agent.")
    preview_time: Duration | None = Field(
        default=None,
        ge=timedelta(seconds=1),
        le=timedelta(seconds=300),
        description="preview: how long an agent may look, up to 300 seconds.",
    )
    may_discard: bool | None = Field(default=None, description="preview: whether an agent may discard the call.")

    @model_validator(mode="after")
    def _settings_fit_the_mode(self) -> Self:
        strangers = [name for name, modes in _OF_MODE.items() if getattr(self, name) is not None and self.mode not in modes]
        if strangers:
            raise refused(
                *(
                    Problem(f"The mode {self.mode} has no {name}.", at=(name,), next_step=f"Remove it, or use mode: {_OF_MODE[name][0]}.")
                    for name in strangers
                )
            )
        return self


class ChannelBlocks(TypedDict, total=False):
    """The channels that this campaign uses, a block for each."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]  # pydantic's documented way to configure a TypedDict

    agent_voice: AgentVoiceSettings
    automated_voice: AutomatedVoiceSettings
    email: EmailSettings
    sms: SmsSettings


class _ByChannel:
    """Each block is read by its own channel's settings; the mapping is keyed by the channel."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._key_by_channel, handler.generate_schema(ChannelBlocks))

    @staticmethod
    def _key_by_channel(blocks: dict[str, ChannelSettings]) -> dict[Channel, ChannelSettings]:
        return {Channel(name): settings for name, settings in blocks.items()}


Channels = Annotated[
    Mapping[Channel, SmsSettings | EmailSettings | AutomatedVoiceSettings | AgentVoiceSettings],
    _ByChannel(),
]
