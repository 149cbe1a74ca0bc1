"""Replies that ask for no more messages."""

from __future__ import annotations

import unicodedata
from typing import Final

# The words that the law and the carriers name; "stop all" is one to them too.
WORDS: Final = frozenset({"stop", "stopall", "quit", "end", "revoke", "optout", "cancel", "unsubscribe"})


def is_opt_out(reply: str) -> bool:
    """Tell whether a reply says one of these words and nothing else; case, spaces and punctuation do not matter."""
    letters = (letter for letter in unicodedata.normalize("NFKC", reply).casefold() if letter.isalnum())
    return "".join(letters) in WORDS
