"""How the pages say things: numbers, instants, and the words for states, verdicts, reasons and outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from outcamp.core.communication_time import DAYS

WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "agent_voice": "Agent voice",
        "automated_voice": "Automated voice",
        "email": "E-mail",
        "sms": "SMS",
        "send": "Sent on",
        "later": "Later",
        "drop": "Dropped",
        "window_closed": "window closed",
        "waiting_to_reattempt": "waiting to reattempt",
        "over_limit": "over a limit",
        "already_in_campaign": "already in the campaign",
        "invalid_endpoint": "no valid address",
        "no_time_zone": "no time zone",
        "no_open_time": "no open time before the end",
        "entry_limit": "entry limit reached",
        "awaiting": "no outcome yet",
        "in_hand": "being sent",
        "waiting": "waiting",
        "not_sent": "never sent",
        "no_outcome": "no outcome in time",
        "unknown": "unknown whether it went",
        "finished": "finished",
    }
)


def word(code: str | None) -> str:
    """Return a code of ours in words; one without its own words is read as it is spelled."""
    return WORDS.get(code, code.replace("_", " ")) if code else ""


def number(count: float | None) -> str:
    """Return a count with its thousands apart; nothing counted is a dash."""
    return "–" if count is None else f"{count:,.0f}"


def share(part: float | None, whole: float | None) -> str:
    """Return a share in percent, never 0 % for something and never 100 % for less than all."""
    if not whole or part is None:
        return "–"
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:.1f} %" if 0 < percent < 100 else f"{percent:.0f} %"


def instant(at: datetime | None) -> str:
    """Return an instant as people read it, in UTC."""
    return "–" if at is None else f"{at.astimezone(UTC):%a %d %b %Y, %H:%M} UTC"


def short(at: datetime | None) -> str:
    """Return an instant for a column of a table, in UTC."""
    return "–" if at is None else f"{at.astimezone(UTC):%d %b, %H:%M}"


def second(at: datetime) -> str:
    """Return an instant to the second, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def iso(at: datetime) -> str:
    """Return an instant as machines read it."""
    return at.astimezone(UTC).isoformat()


def setting(name: str) -> str:
    """Return the name of a setting as a label."""
    return name.replace("_", " ").capitalize()


def brief(value: Any) -> str:
    """Return a small mapping or value of the settings on one line: ``count 6, within 2 days``."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key.replace('_', ' ')} {brief(inner)}" for key, inner in value.items())
    if isinstance(value, list | tuple):
        if len(value) > 2 and "-".join(map(str, value)) in "-".join(DAYS):
            return f"{value[0]} to {value[-1]}"
        return ", ".join(brief(inner) for inner in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
