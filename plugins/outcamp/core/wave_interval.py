"""How far waves are apart, and whole seconds as settings write them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from outcamp.core.errors import UsageError

WAVE_INTERVAL: Final = timedelta(minutes=5)
VARIABLE: Final = "OUTCAMP_WAVE_INTERVAL"


def wave_interval(environment: Mapping[str, str]) -> timedelta:
    """Return what waves run at multiples of: ``OUTCAMP_WAVE_INTERVAL``, or five minutes."""
    return read_seconds(environment.get(VARIABLE), VARIABLE, WAVE_INTERVAL)


def read_seconds(text: str | None, name: str, default: timedelta) -> timedelta:
    """Return the seconds that a setting says; nothing is the default, and anything else is refused by the setting's name."""
    if not text:
        return default
    seconds = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= seconds <= 86_400:
        raise UsageError(f"{name} is {text!r}, which is no number of seconds.", next_step="Write whole seconds from 1 to 86400: 300.")
    return timedelta(seconds=seconds)
