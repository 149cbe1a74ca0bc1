"""Making messages: for transports that carry texts, each recipient's own, from the frozen templates and the recipient's columns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
from jinja2 import TemplateError

from outcamp.core.dispositions import Channel
from outcamp.core.manifest import Manifest
from outcamp.segments.templates import is_template_file, template_environment
from outcamp.steps.filter import TEMPLATE_PREFIX
from outcamp.transports.base import ANSWERS, INSTANT, Capabilities, Transport

CONTENT_PREFIX = "content."
_NOT_MADE = {Channel.EMAIL: "rejected", Channel.SMS: "failed", Channel.AUTOMATED_VOICE: "failed", Channel.AGENT_VOICE: "failed"}


class RenderedTransport:
    """Gives a transport its rows together with their texts; a row whose text cannot be made never leaves."""

    def __init__(self, transport: Transport, manifest: Manifest, channel: Channel) -> None:
        self._transport, self._channel = transport, channel
        self._parts = _compile(manifest, channel)

    @property
    def capabilities(self) -> Capabilities:
        """Return what the transport can do."""
        return self._transport.capabilities

    def submit(self, rows: pa.Table, now: datetime) -> pa.Table:
        """Render and submit; what cannot be rendered is answered as refused, because nothing was sent."""
        texts, made = render(rows, self._parts)
        answers = self._transport.submit(texts.filter(pa.array(made)), now) if made.any() else ANSWERS.empty_table()
        if made.all():
            return answers
        # Back to the order of the rows: those that were made have their place among the answers, the others the last one.
        refused = pa.table([["refused"], [None], [_NOT_MADE[self._channel]], pa.array([now], INSTANT)], schema=ANSWERS)
        place = np.where(made, np.cumsum(made) - 1, answers.num_rows)
        return pa.concat_tables([answers, refused]).take(pa.array(place))

    def outcomes(self, now: datetime) -> pa.Table:
        """Return what the transport knows."""
        return self._transport.outcomes(now)

    def acknowledge(self, now: datetime) -> None:
        """Hand it on to the transport."""
        self._transport.acknowledge(now)


def render(rows: pa.Table, parts: dict[str, Callable[..., str]]) -> tuple[pa.Table, np.ndarray[Any, np.dtype[np.bool_]]]:
    """Return the rows with a column for each part of the message, and which rows could be made.

    A column that is missing for a recipient is undefined to the template, which must say what to do then, or the row is not made.
    """
    names = [name for name in rows.column_names if name.startswith(TEMPLATE_PREFIX)]
    recipients = (
        rows.select(names).rename_columns([name.removeprefix(TEMPLATE_PREFIX) for name in names]).to_pylist()
        if names
        else [{}] * rows.num_rows
    )
    texts: dict[str, list[str | None]] = {part: [] for part in parts}
    made = np.ones(rows.num_rows, bool)
    for number, recipient in enumerate(recipients):
        known = {name: value for name, value in recipient.items() if value is not None}
        for part, template in parts.items():
            try:
                texts[part].append(template(known))
            except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError):
                texts[part].append(None)
                made[number] = False
    for part, column in texts.items():
        rows = rows.append_column(CONTENT_PREFIX + part, pa.array(column, pa.string()))
    return rows, made


def _compile(manifest: Manifest, channel: Channel) -> dict[str, Callable[..., str]]:
    plain = template_environment(manifest.templates, html=False)
    escaped = template_environment(manifest.templates, html=True)
    parts = {}
    for part, text in manifest.campaign.channels[channel].texts.items():
        environment = escaped if part == "html" else plain
        parts[part] = (environment.get_template(text) if is_template_file(text) else environment.from_string(text)).render
    return parts
