"""How long a text message is: the alphabet that it travels in, and the message parts that it takes, which is what carriers count and bill.

3GPP TS 23.038 and 23.040: a text of the GSM alphabet has up to 160 characters of seven bits in one part, and 153 in each of several, whose
headers say how they belong together. Those of the extension table take two. Any other character puts the whole text into UCS-2: 70 units
of sixteen bits, or 67 in each of several. What takes two units is never torn apart, so a part may have one unit left over.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

GSM_ALPHABET: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENSION: Final = frozenset("\f^{}\\[~]|€")
GSM, UCS2 = "GSM 03.38", "UCS-2"
# Units in a part that is the whole message, and in each of several.
_ALONE: Final = {GSM: 160, UCS2: 70}
_OF_SEVERAL: Final = {GSM: 153, UCS2: 67}


@dataclass(frozen=True)
class SmsLength:
    """What a text takes. ``foreign``: the characters that keep it out of the GSM alphabet, each once, in order."""

    encoding: str
    units: int
    parts: int
    foreign: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = f"{self.parts} part" if self.parts == 1 else f"{self.parts} parts"
        why = f", because of {' '.join(self.foreign[:5])}" if self.foreign else ""
        return f"{self.units} characters in {parts}, {self.encoding}{why}"


def sms_length(text: str) -> SmsLength:
    """Return what a text takes as a text message; one without a character takes one part all the same."""
    foreign = tuple(dict.fromkeys(mark for mark in text if mark not in GSM_ALPHABET and mark not in GSM_EXTENSION))
    encoding = UCS2 if foreign else GSM
    units = len(text.encode("utf-16-be", "surrogatepass")) // 2 if foreign else len(text) + sum(map(text.count, GSM_EXTENSION))
    if units <= _ALONE[encoding]:
        return SmsLength(encoding, units, 1, foreign)
    room = _OF_SEVERAL[encoding]
    # Only what takes two units can leave one over, so a text without any is a plain division.
    is_plain = units == len(text)
    parts = -(-units // room) if is_plain else _filled(_widths(text, encoding), room)
    return SmsLength(encoding, units, parts, foreign)


def _widths(text: str, encoding: str) -> Iterable[int]:
    if encoding == GSM:
        return (2 if mark in GSM_EXTENSION else 1 for mark in text)
    return (2 if ord(mark) > 0xFFFF else 1 for mark in text)


def _filled(widths: Iterable[int], room: int) -> int:
    parts, left = 0, 0
    for width in widths:
        if width > left:
            parts, left = parts + 1, room
        left -= width
    return parts
