"""The channels, and everything that can become of an attempt on each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Channel(StrEnum):
    """A way to reach a recipient."""

    AGENT_VOICE = "agent_voice"
    AUTOMATED_VOICE = "automated_voice"
    EMAIL = "email"
    SMS = "sms"


UNKNOWN: Final = "unknown"  # nobody knows whether the message was submitted: it counts, and is never sent again
OPTED_OUT: Final = "opted_out"  # the person asked not to be contacted
NO_OUTCOME: Final = "no_outcome"  # it was submitted, and nothing came back by the channel's deadline

_VOICE = ("answered", "voicemail", "no_answer", "busy", "invalid_number", "fax", "abandoned", "failed", NO_OUTCOME, UNKNOWN)
_EMAIL = ("delivered", "bounced", "soft_bounced", "complained", "rejected", NO_OUTCOME, UNKNOWN)
_SMS = ("delivered", "blocked", "invalid_number", "unreachable", "expired", OPTED_OUT, "failed", NO_OUTCOME, UNKNOWN)

DISPOSITIONS: Final[Mapping[Channel, tuple[str, ...]]] = MappingProxyType(
    {
        Channel.AGENT_VOICE: _VOICE,
        Channel.AUTOMATED_VOICE: _VOICE,
        Channel.EMAIL: _EMAIL,
        Channel.SMS: _SMS,
    }
)

# What somebody can report: the other two are what the books say while nobody did.
REPORTED: Final[Mapping[Channel, tuple[str, ...]]] = MappingProxyType(
    {channel: tuple(code for code in codes if code not in {NO_OUTCOME, UNKNOWN}) for channel, codes in DISPOSITIONS.items()}
)

# The channel proved that the message never reached the person: the attempt stops counting towards the limits.
NEVER_REACHED: Final[Mapping[Channel, frozenset[str]]] = MappingProxyType(
    {
        Channel.AGENT_VOICE: frozenset({"invalid_number", "failed"}),
        Channel.AUTOMATED_VOICE: frozenset({"invalid_number", "failed"}),
        Channel.EMAIL: frozenset({"bounced", "soft_bounced", "rejected"}),
        Channel.SMS: frozenset({"blocked", "invalid_number", "unreachable", "expired", "failed"}),
    }
)

# The person asked for no more of it: they are suppressed on the channel, and so is the endpoint. Of a dead endpoint, the endpoint alone.
ASKED_FOR_NO_MORE: Final = frozenset({OPTED_OUT, "complained"})
DEAD_ENDPOINT: Final = frozenset({"bounced"})
SUPPRESSES: Final = ASKED_FOR_NO_MORE | DEAD_ENDPOINT

ENDS_WELL: Final[Mapping[Channel, str]] = MappingProxyType(
    {
        Channel.AGENT_VOICE: "answered",
        Channel.AUTOMATED_VOICE: "answered",
        Channel.EMAIL: "delivered",
        Channel.SMS: "delivered",
    }
)

DEFAULT_DEADLINE: Final[Mapping[Channel, timedelta]] = MappingProxyType(
    {
        Channel.AGENT_VOICE: timedelta(hours=12),
        Channel.AUTOMATED_VOICE: timedelta(hours=12),
        Channel.EMAIL: timedelta(hours=24),
        Channel.SMS: timedelta(hours=72),
    }
)

PHONE_CHANNELS: Final = frozenset({Channel.AGENT_VOICE, Channel.AUTOMATED_VOICE, Channel.SMS})
