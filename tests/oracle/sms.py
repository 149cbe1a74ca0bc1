"""Text messages as they travel: octets of at most 140 a part, packed bit by bit. Written from 3GPP TS 23.038 and 23.040, and slow."""

from __future__ import annotations

import string
import unicodedata

OCTETS = 140
# User data header of a part of several: its length, the element "concatenated, 8-bit reference", and that element's five octets.
HEADER = bytes([5, 0, 3, 0x2A, 9, 1])
ESCAPE = 0x1B

# The default alphabet by its codes; what stands where ASCII stands is not listed.
SEPTETS = {
    **{chr(code): code for code in (*range(0x20, 0x24), *range(0x25, 0x40))},
    **{letter: ord(letter) for letter in string.ascii_letters},
    "\n": 0x0A,
    "\r": 0x0D,
    **{
        unicodedata.lookup(name): code
        for code, name in {
            0x00: "COMMERCIAL AT",
            0x01: "POUND SIGN",
            0x02: "DOLLAR SIGN",
            0x03: "YEN SIGN",
            0x04: "LATIN SMALL LETTER E WITH GRAVE",
            0x05: "LATIN SMALL LETTER E WITH ACUTE",
            0x06: "LATIN SMALL LETTER U WITH GRAVE",
            0x07: "LATIN SMALL LETTER I WITH GRAVE",
            0x08: "LATIN SMALL LETTER O WITH GRAVE",
            0x09: "LATIN CAPITAL LETTER C WITH CEDILLA",
            0x0B: "LATIN CAPITAL LETTER O WITH STROKE",
            0x0C: "LATIN SMALL LETTER O WITH STROKE",
            0x0E: "LATIN CAPITAL LETTER A WITH RING ABOVE",
            0x0F: "LATIN SMALL LETTER A WITH RING ABOVE",
            0x10: "GREEK CAPITAL LETTER DELTA",
            0x11: "LOW LINE",
            0x12: "GREEK CAPITAL LETTER PHI",
            0x13: "GREEK CAPITAL LETTER GAMMA",
            0x14: "GREEK CAPITAL LETTER LAMDA",
            0x15: "GREEK CAPITAL LETTER OMEGA",
            0x16: "GREEK CAPITAL LETTER PI",
            0x17: "GREEK CAPITAL LETTER PSI",
            0x18: "GREEK CAPITAL LETTER SIGMA",
            0x19: "GREEK CAPITAL LETTER THETA",
            0x1A: "GREEK CAPITAL LETTER XI",
            0x1C: "LATIN CAPITAL LETTER AE",
            0x1D: "LATIN SMALL LETTER AE",
            0x1E: "LATIN SMALL LETTER SHARP S",
            0x1F: "LATIN CAPITAL LETTER E WITH ACUTE",
            0x24: "CURRENCY SIGN",
            0x40: "INVERTED EXCLAMATION MARK",
            0x5B: "LATIN CAPITAL LETTER A WITH DIAERESIS",
            0x5C: "LATIN CAPITAL LETTER O WITH DIAERESIS",
            0x5D: "LATIN CAPITAL LETTER N WITH TILDE",
            0x5E: "LATIN CAPITAL LETTER U WITH DIAERESIS",
            0x5F: "SECTION SIGN",
            0x60: "INVERTED QUESTION MARK",
            0x7B: "LATIN SMALL LETTER A WITH DIAERESIS",
            0x7C: "LATIN SMALL LETTER O WITH DIAERESIS",
            0x7D: "LATIN SMALL LETTER N WITH TILDE",
            0x7E: "LATIN SMALL LETTER U WITH DIAERESIS",
            0x7F: "LATIN SMALL LETTER A WITH GRAVE",
        }.items()
    },
}
EXTENSION = {"\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E, "|": 0x40, "€": 0x65}


def is_gsm(text: str) -> bool:
    """Whether every character has a code in the default alphabet or in its extension."""
    return all(mark in SEPTETS or mark in EXTENSION for mark in text)


def parts_of(text: str) -> list[bytes]:
    """The octets of each part: one without a header if that is enough, or several, each filled as far as whole characters go."""
    gsm = is_gsm(text)
    whole = _octets(text, b"", gsm=gsm)
    if len(whole) <= OCTETS:
        return [whole]
    pieces = [""]
    for mark in text:
        if len(_octets(pieces[-1] + mark, HEADER, gsm=gsm)) > OCTETS:
            pieces.append("")
        pieces[-1] += mark
    return [_octets(piece, HEADER, gsm=gsm) for piece in pieces]


def _octets(text: str, header: bytes, *, gsm: bool) -> bytes:
    if not gsm:
        return header + text.encode("utf-16-be")
    bits = "".join(f"{octet:08b}"[::-1] for octet in header)
    bits += "0" * (-len(bits) % 7)  # the text begins at a septet
    for mark in text:
        codes = [SEPTETS[mark]] if mark in SEPTETS else [ESCAPE, EXTENSION[mark]]
        bits += "".join(f"{code:07b}"[::-1] for code in codes)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))
