"""The key of a wave: its instant, readable, sortable, and fit for a folder's name (no colon, no plus)."""

from __future__ import annotations

from datetime import datetime


def run_key(instant: datetime, sequence: int = 0) -> str:
    """Return the key of an occurrence's wave (sequence 0), or of the sequence-th wave of due attempts at this instant."""
    text = instant.strftime("%Y%m%dT%H%M%S") + (f".{instant.microsecond:06d}" if instant.microsecond else "") + "Z"
    return f"{text}-{sequence}" if sequence else text
