"""Our own name of an attempt: what transports send along, and what outcomes bring back."""

from __future__ import annotations

import re
from typing import Final

# What reference_of writes, for engines that match whole columns (RE2).
REFERENCE: Final = r"^(?P<campaign>[^/]+)/(?P<occurrence>\d+)/(?P<attempt>\d+)/(?P<recipient_id>(?s:.+))$"
CARRIED_AS: Final = "outcamp_reference"  # the name under which providers carry a reference along, where they carry names and values

_OF_A_TAG: Final = re.compile(rb"[A-Za-z0-9-]")


def reference_of(campaign: str, occurrence: int, attempt: int, recipient_id: str) -> str:
    """Return the reference of an attempt. The recipient comes last, because an id may hold anything; the others hold no ``/``."""
    return f"{campaign}/{occurrence}/{attempt}/{recipient_id}"


def tag_of(reference: str) -> str:
    """Return a reference in letters, digits, ``-`` and ``_``, for providers that carry nothing else: each other byte as ``_XX``."""
    return "".join(chr(byte) if _OF_A_TAG.match(bytes([byte])) else f"_{byte:02X}" for byte in reference.encode())


def reference_of_tag(tag: str) -> str:
    """Return the reference that a tag was made from; raise ValueError when it was made from none."""
    reference = re.sub(rb"_([0-9A-F]{2})", lambda found: bytes([int(found[1], 16)]), tag.encode("ascii")).decode()
    if tag_of(reference) != tag:
        raise ValueError(f"{tag!r} is the tag of no reference.")
    return reference
