"""What a campaign file says about its calls, in the form in which it is handed to whoever makes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from outcamp.core.channels import ChannelSettings, VoiceSettings
from outcamp.core.frozen import Frozen

Term = str | float | bool


def call_terms(settings: ChannelSettings) -> Mapping[str, Term]:
    """Return the settings of a voice channel that are about its calls, by their names (``abandonment.target``), durations in seconds.

    What the file leaves open is not among them; another channel has none.
    """
    if not isinstance(settings, VoiceSettings):
        return {}
    return _terms(settings, tuple(name for name in type(settings).model_fields if name not in ChannelSettings.model_fields))


def _terms(settings: Frozen, names: tuple[str, ...]) -> dict[str, Term]:
    found: dict[str, Term] = {}
    for name in names:
        value: Any = getattr(settings, name)
        if isinstance(value, Frozen):
            found |= {f"{name}.{inner}": term for inner, term in _terms(value, tuple(type(value).model_fields)).items()}
        elif isinstance(value, timedelta):
            seconds = value.total_seconds()
            found[name] = int(seconds) if seconds.is_integer() else seconds
        elif value is not None:
            found[name] = value
    return found
