"""Text columns as codes into their distinct values, so that a rule is asked once for each value or combination of values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from outcamp.frames.text_columns import TextColumn, as_text

NOTHING = -1


@dataclass(frozen=True)
class CodedText:
    """A text column: row ``i`` is ``values[codes[i]]``, or nothing where the code is -1; every value is distinct."""

    codes: NDArray[np.int32]
    values: list[str]

    @classmethod
    def of(cls, column: TextColumn, name: str) -> CodedText:
        """Return a column as codes; ``name`` begins the error about a column that is not text."""
        array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        if not pa.types.is_dictionary(array.type):
            array = as_text(array, name).dictionary_encode()
        values = as_text(array.dictionary, name).to_pylist()
        return cls._distinct(_codes(array.indices), values)

    @classmethod
    def constant(cls, value: str | None, rows: int) -> CodedText:
        """Return a column that holds one value, or nothing, in every row."""
        return cls(np.full(rows, NOTHING if value is None else 0, dtype=np.int32), [] if value is None else [value])

    @classmethod
    def _distinct(cls, codes: NDArray[np.int32], values: Iterable[str | None]) -> CodedText:
        """Return the column of these values, of which several may be equal and some may be nothing."""
        places: dict[str, int] = {}
        new_codes = [NOTHING if value is None else places.setdefault(value, len(places)) for value in values]
        # The entry behind the last one is what the code -1 picks.
        return cls(np.array([*new_codes, NOTHING], dtype=np.int32)[codes], list(places))

    def translated(self, translate: Callable[[str], str | None]) -> CodedText:
        """Return the column with each value translated; each distinct value is asked for once."""
        return self._distinct(self.codes, map(translate, self.values))

    def kept(self, rows: NDArray[np.bool_]) -> CodedText:
        """Return the column with nothing in all other rows."""
        if not rows.any():
            return self.constant(None, len(rows))
        return CodedText(np.where(rows, self.codes, np.int32(NOTHING)), self.values)

    def joined(self, other: CodedText, join: Callable[[str | None, str | None], str | None]) -> CodedText:
        """Return the column of what two columns say together; each combination that occurs is asked for once.

        Two columns that both hold nothing say nothing, whatever ``join`` makes of it.
        """
        if not self.values:
            return other.translated(lambda value: join(None, value))
        if not other.values:
            return self.translated(lambda value: join(value, None))
        # Nothing is the value 0 here, so that a pair is one number.
        width = len(other.values) + 1
        pairs = pa.array((self.codes.astype(np.int64) + 1) * width + (other.codes + 1)).dictionary_encode()
        lefts, rights = np.divmod(pairs.dictionary.to_numpy(), width)
        left_values, right_values = [None, *self.values], [None, *other.values]
        joined = (
            join(left_values[left], right_values[right]) if left or right else None
            for left, right in zip(lefts.tolist(), rights.tolist(), strict=True)
        )
        return self._distinct(_codes(pairs.indices), joined)

    def to_arrow(self) -> pa.DictionaryArray:
        """Return the column as an Arrow dictionary array, null where it holds nothing."""
        indices = pa.array(self.codes, mask=self.codes == NOTHING)
        return pa.DictionaryArray.from_arrays(indices, pa.array(self.values, type=pa.string()))


def _codes(indices: pa.Array) -> NDArray[np.int32]:
    codes: NDArray[np.int32] = pc.fill_null(indices.cast(pa.int32()), NOTHING).to_numpy()
    return codes
