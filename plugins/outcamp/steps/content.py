"""Making messages: each recipient's own texts, from the frozen templates and the recipient's columns."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from outcamp.core.dispositions import Channel
from outcamp.core.manifest import Manifest
from outcamp.segments.templates import is_template_file, template_environment
from outcamp.transports.base import COLUMN, CONTENT

# The address behind an unsubscribe button stands in a header between angle brackets.
_FORMS: Final = {"unsubscribe": re.compile(r"(https://|mailto:)[!-;=?-~]+")}
_ANYTHING: Final = re.compile(r".*\S.*", re.DOTALL)


class Message:
    """The message of one channel, whose parts are made for each recipient."""

    def __init__(self, manifest: Manifest, channel: Channel) -> None:
        plain = template_environment(manifest.templates, html=False)
        escaped = template_environment(manifest.templates, html=True)
        self._parts: dict[str, Callable[..., str]] = {}
        for part, text in manifest.campaign.channels[channel].texts.items():
            environment = escaped if part == "html" else plain
            self._parts[part] = (environment.get_template(text) if is_template_file(text) else environment.from_string(text)).render

    def made_for(self, rows: pa.Table) -> tuple[pa.Table, NDArray[np.bool_]]:
        """Return the rows with a column ``content.*`` for each part, and which of them could be made whole.

        A column that is missing for a recipient is undefined to the template, which must say what to do then, or the row is not made.
        A part that comes out blank is not made either, and neither is an address that is none.
        """
        known = _recipients(rows)
        made = np.ones(rows.num_rows, bool)
        for part in self._parts:
            texts = [self._text(part, one) for one in known]
            made &= np.array([text is not None for text in texts], bool)
            rows = rows.append_column(CONTENT + part, pa.array(texts, pa.string()))
        return rows, made

    def told(self, row: pa.Table) -> tuple[dict[str, str], dict[str, str]]:
        """Return the parts of one recipient's message, and why each of the others cannot be made."""
        (recipient,) = _recipients(row)
        texts, problems = dict[str, str](), dict[str, str]()
        for part in self._parts:
            try:
                texts[part] = self._make(part, recipient)
            except Exception as error:  # noqa: BLE001 - as below; whoever looks at one recipient wants to know what it was
                problems[part] = str(error) or type(error).__name__
        return texts, problems

    def _text(self, part: str, recipient: dict[str, object]) -> str | None:
        try:
            return self._make(part, recipient)
        except Exception:  # noqa: BLE001 - whatever a template does with a recipient's values, it is that recipient's message alone
            return None

    def _make(self, part: str, recipient: dict[str, object]) -> str:
        text = self._parts[part](recipient)
        problem = problem_of(part, text)
        if problem is not None:
            raise ValueError(problem)
        return text


def problem_of(part: str, text: str) -> str | None:
    """Return why a text cannot be this part of a message, or None."""
    if _ANYTHING.fullmatch(text) is None:
        return "it comes out blank"
    if part in _FORMS and _FORMS[part].fullmatch(text) is None:
        return f"it comes out as {text!r}, which is no https or mailto address"
    return None


def _recipients(rows: pa.Table) -> list[dict[str, object]]:
    """Return the columns that each recipient has a value in, as a template knows them."""
    names = [name for name in rows.column_names if name.startswith(COLUMN)]
    recipients = rows.select(names).rename_columns([name.removeprefix(COLUMN) for name in names]).to_pylist()
    return [{name: value for name, value in one.items() if value is not None} for one in recipients] or [{}] * rows.num_rows
