"""What Arrow says about rows that it cannot read, without what stands in them: logs and reasons beside files name no recipient."""

from __future__ import annotations

import re
from typing import Final

# The forms that hold no value of a row: only what fits one of them is repeated, and what Arrow says behind it is not. A column is named
# if its name looks like one; a key of JSON may as well be somebody's number.
_COLUMN: Final = r"Column\((?:/(?:[A-Za-z]\w*|\[\]))*\)"
_FORMS: Final = re.compile(
    r"CSV parse error: (?:Row #\d+: )?Expected \d+ columns, got \d+"
    r"|In CSV column #\d+: (?:Row #\d+: )?CSV conversion error to \w+: invalid UTF8 data"
    rf"|JSON parse error: {_COLUMN} (?:changed from \w+ to \w+|was specified twice) in row \d+"
    r"|JSON parse error: [A-Z][A-Za-z ,'}\]\\]+\. in row \d+"
    r"|Failed to convert JSON to \w+"
    r"|(?:CSV|JSON) parse error"
    r"|(?:Column \d+: In chunk \d+: Invalid: )?Invalid UTF8 (?:sequence at string index \d+|payload)"
    r"|Unsupported cast from \w+"
)


def arrow_words(error: Exception) -> str:
    """Return the part of Arrow's words that can hold nothing of a row, or the kind of the error where there is none."""
    found = _FORMS.match(str(error))
    return found[0] if found else type(error).__name__
