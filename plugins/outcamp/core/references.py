"""Our own name of an attempt: what transports send along, and what outcomes bring back."""

from __future__ import annotations

from typing import Final

# What reference_of writes, for engines that match whole columns (RE2).
REFERENCE: Final = r"^(?P<campaign>[^/]+)/(?P<occurrence>\d+)/(?P<attempt>\d+)/(?P<recipient_id>(?s:.+))$"


def reference_of(campaign: str, occurrence: int, attempt: int, recipient_id: str) -> str:
    """Return the reference of an attempt. The recipient comes last, because an id may hold anything; the others hold no ``/``."""
    return f"{campaign}/{occurrence}/{attempt}/{recipient_id}"
