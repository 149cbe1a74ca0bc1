"""From typed phone numbers to rows of digits, and from those to E.164: whole columns at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from outcamp.frames.text_columns import TextBlock

# The library gives up at 250 characters, and no number is this long: what is longer is odd.
LONGEST = 40

_BETWEEN, _PLUS, _ODD = 10, 11, 12
# `phonenumbers` skips these wherever they stand, unless they are all there is.
_MEANING = np.full(256, _ODD, dtype=np.uint8)
_MEANING[[ord(character) for character in " -.()/"]] = _BETWEEN
_MEANING[ord("+")] = _PLUS
_MEANING[[ord(character) for character in "0123456789"]] = range(10)


# At least three digits, then one of the usual labels and a short extension at the very end: all that the library's far wider rule does
# with such a text is to go on with what stands before the label.
EXTENSION = r"(?i)^((?:[+ ().-]{0,5}[0-9]){3,}\)?) {0,3}(?:x|ext|extn|extension)[:.]? {0,3}[0-9]{1,6}$"


@dataclass(frozen=True)
class DigitRows:
    """The digits of some rows: row ``i`` has ``counts[i]`` of them in ``digits``, from ``starts[i]`` on.

    ``plus``: a "+" stands before the first digit. ``odd``: there is more to the text than these digits say.
    """

    digits: NDArray[np.uint8]
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]
    plus: NDArray[np.bool_]
    odd: NDArray[np.bool_]


def digit_rows(block: TextBlock) -> DigitRows:
    """Return the digits of each row of text."""
    meaning = _MEANING[block.data]
    is_digit = meaning < _BETWEEN
    digits_before = np.zeros(len(meaning) + 1, dtype=np.int64)
    np.cumsum(is_digit, out=digits_before[1:])
    starts = digits_before[block.starts]
    counts = digits_before[block.ends] - starts
    plus, odd = np.zeros(len(block), dtype=bool), block.ends - block.starts > LONGEST
    special_at = np.flatnonzero(meaning > _BETWEEN)
    special_rows = np.searchsorted(block.ends, special_at, side="right")
    is_plus = meaning[special_at] == _PLUS
    plus_at, plus_rows = special_at[is_plus], special_rows[is_plus]
    plus[plus_rows] = True
    odd[special_rows[~is_plus]] = True
    # What the library makes of a "+" among the digits, or of several, is its own affair.
    odd[plus_rows[digits_before[plus_at] > starts[plus_rows]]] = True
    odd[plus_rows[1:][plus_rows[1:] == plus_rows[:-1]]] = True
    return DigitRows(meaning[is_digit], starts, counts, plus, odd)


def international_text(rows: DigitRows, codes: list[str], code_of: NDArray[np.int16], kept: NDArray[np.int16]) -> pa.Array:
    """Return each row as "+", its calling code and the last ``kept`` of its digits; null where none is kept."""
    heads = np.array([f"+{code}" for code in codes], dtype="S4").view(np.uint8).reshape(len(codes), 4)
    head_lengths = np.count_nonzero(heads, axis=1)
    # The text is made of pieces, two for each row: a head, and digits. Both are taken from one long source.
    source = np.concatenate([heads.ravel(), rows.digits + np.uint8(ord("0"))])
    piece_lengths, piece_sources = np.empty((2, len(kept), 2), dtype=np.int64)
    piece_lengths[:, 0] = np.where(kept > 0, head_lengths[code_of], 0)
    piece_lengths[:, 1] = kept
    piece_sources[:, 0] = code_of * np.int64(heads.shape[1])
    piece_sources[:, 1] = heads.size + rows.starts + rows.counts - kept
    ends = np.cumsum(piece_lengths)
    from_here = piece_sources.ravel() - (ends - piece_lengths.ravel())
    text = source.take(np.arange(ends[-1] if len(ends) else 0) + np.repeat(from_here, piece_lengths.ravel()))
    offsets = np.zeros(len(kept) + 1, dtype=np.int32)
    offsets[1:] = ends[1::2]
    not_null = np.packbits(kept > 0, bitorder="little")
    return pa.StringArray.from_buffers(len(kept), pa.py_buffer(offsets), pa.py_buffer(text), pa.py_buffer(not_null))


def without_extensions(text: pa.Array) -> pa.Array:
    """Return the texts without the extension that a few of them end in; it is no part of the number."""
    return pc.replace_substring_regex(text, EXTENSION, r"\1")
