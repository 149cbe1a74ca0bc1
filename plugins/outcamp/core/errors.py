"""Everything outcamp raises on purpose, in one tree.

OutcampError
├── Permanent                 trying again cannot help; Airflow fails the task at once
│   ├── CampaignFileError     a campaign file is wrong; carries its findings
│   ├── ManifestError         a published manifest is missing, edited or would be overwritten
│   ├── NotSupportedYet       the request is understood, and outcamp cannot do it yet
│   ├── DataError             a file or a table that was read does not hold what it must
│   ├── StorageRefused        an object store knows no such bucket, or does not let us in
│   ├── UsageError            the command was called wrongly
│   └── BrokenPromise         the books do not add up; nothing further is sent
└── Transient                 the same call may succeed later; Airflow tries again
    ├── LedgerUnavailable     the ledger cannot be reached or gave up on a lock
    └── SourceUnavailable     a segment's database or file store cannot be reached
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

_SHOWN: Final = 60  # characters of a value
_BARE: Final = re.compile(r"true|false|null|[-+.0-9eE]+")  # what JSON writes without quotes


class OutcampError(Exception):
    """The root of all errors that outcamp raises on purpose.

    ``next_step`` tells the reader what to do; it is part of the printed message.
    """

    def __init__(self, message: str, *, next_step: str = "") -> None:
        self.message = message
        self.next_step = next_step
        super().__init__(message, next_step)

    def __str__(self) -> str:
        return f"{self.message}\n  Next: {self.next_step}" if self.next_step else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # Rebuilt from its parts, so that an error survives the way from a worker to its parent.
        return (_rebuild, (type(self), self.__dict__))

    def attrs(self) -> dict[str, Any]:
        """Return what the error knows as plain data, for ``--json`` and logs."""
        return {"error": type(self).__name__, **self.__dict__}


def _rebuild(kind: type[OutcampError], state: dict[str, Any]) -> OutcampError:
    error = kind.__new__(kind)
    Exception.__init__(error, state["message"], state["next_step"])
    error.__dict__.update(state)
    return error


class Permanent(OutcampError):
    """Trying again cannot help."""


class Transient(OutcampError):
    """The same call may succeed later."""


class ManifestError(Permanent):
    """A published manifest is missing, was edited, or would be overwritten."""


class NotSupportedYet(Permanent):
    """The request is understood, and outcamp cannot do it yet."""


class DataError(Permanent):
    """A file or a table that was read does not hold what it must."""


class StorageRefused(Permanent):
    """An object store knows no such bucket, or does not let us in."""


class UsageError(Permanent):
    """The command was called wrongly."""


class BrokenPromise(Permanent):
    """The books do not add up; nothing further is sent."""


class LedgerUnavailable(Transient):
    """The ledger cannot be reached, or gave up on a lock."""


class SourceUnavailable(Transient):
    """A segment's database or file store cannot be reached."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong in a campaign file, and what to do about it."""

    file: str
    field: str
    problem: str
    line: int | None = None
    value: str | None = None
    closest: str | None = None
    next_step: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        text = f"{place}: {self.field}: {self.problem}" if self.field else f"{place}: {self.problem}"
        if self.value is not None and not self._shows_value():
            text += f" It says {_quoted(self.value)}."
        if self.closest:
            text += f" Did you mean {self.closest!r}?"
        return f"{text}\n  Next: {self.next_step}" if self.next_step else text

    def _shows_value(self) -> bool:
        """Tell whether the problem shows the value, or is about the setting's name; lists and mappings are not shown."""
        bare = (self.value or "").strip('"')
        if bare[:1] in {"", "[", "{"} or f"{_last_key(self.field)!r} is not a setting" in self.problem:
            return True
        return re.search(rf"(?<!\w){re.escape(bare)}(?!\w)", self.problem) is not None


def _last_key(field: str) -> str:
    return field.rpartition(".")[2]


def _quoted(value: str) -> str:
    """Return a value in one short line: one that comes from a campaign file bears its quotes already, a name does not."""
    line = value if value[:1] == '"' or _BARE.fullmatch(value) else json.dumps(value, ensure_ascii=False)
    return line if len(line) <= _SHOWN else f'{line[:_SHOWN].rstrip(chr(34))}..."'


class CampaignFileError(Permanent):
    """A campaign file is wrong; it is refused whole, with every finding."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))

    def attrs(self) -> dict[str, Any]:
        """Return the findings as plain data."""
        return {"error": type(self).__name__, "findings": [asdict(finding) for finding in self.findings]}


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that looks most like this one, whatever the case of their letters, or None when none is near."""
    written = {name.lower(): name for name in known}
    matches = difflib.get_close_matches(word.lower(), written, n=1, cutoff=0.6)
    return written[matches[0]] if matches else None
