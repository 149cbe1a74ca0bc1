"""The holdout by hand: one recipient, one byte at a time, in whole numbers and fractions."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

WORD = 2**64


def is_held_out(campaign: dict[str, Any], recipient_id: str) -> bool:
    """Say whether the first 53 bits of the recipient's hash under the campaign's name, as a fraction of one, lie below the share."""
    share = Fraction(str(campaign.get("holdout", "0%")).rstrip("%")) / 100
    return Fraction(hash_of(recipient_id, salt=campaign["name"]) >> 11, 2**53) < share


def hash_of(text: str, salt: str = "") -> int:
    """Hash a text by the definition in ``outcamp.frames.hashing``."""
    total = 0
    for position, byte in enumerate(text.encode()):
        total = (total + (byte + 1) * pow(0x9FB21C651E98DF25, position, WORD)) % WORD
    hashed = scramble(total)
    return scramble(hashed ^ hash_of(salt)) if salt else hashed


def scramble(value: int) -> int:
    """Return the SplitMix64 finaliser's answer."""
    value = (value + 0x9E3779B97F4A7C15) % WORD
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB % WORD
    return value ^ (value >> 31)
