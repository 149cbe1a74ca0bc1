"""A test message: one that goes through the real transport to an address of one's own. Nothing of it enters the books."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from outcamp.core.dispositions import PHONE_CHANNELS, Channel
from outcamp.core.errors import DataError, UsageError, closest
from outcamp.core.manifest import Manifest
from outcamp.core.run_key import run_key
from outcamp.frames.emails import email_verdicts
from outcamp.frames.phones import phone_verdicts
from outcamp.steps.content import Message
from outcamp.steps.preview import template_columns
from outcamp.steps.snapshot import RECIPIENT
from outcamp.store.datasets import BATCH_KEYS, INSTANT
from outcamp.transports.base import CONTENT, REFERENCE, SUBMISSION, VALID_UNTIL, Transport


@dataclass(frozen=True)
class Trial:
    """What became of a test message, and whose columns it was made with."""

    campaign: str
    channel: Channel
    transport: str
    to: str
    made_for: str
    texts: dict[str, str]
    status: str
    message_id: str | None
    disposition: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for ``--json``."""
        return {"test": True, **asdict(self)}


def channel_named(manifest: Manifest, name: str | None) -> Channel:
    """Return the channel of the campaign that has this name; without a name the main one."""
    if name is None:
        return manifest.campaign.channel
    used = [channel.value for channel in manifest.campaign.channels_used]
    if name not in used:
        near = closest(name, used)
        next_step = f"Did you mean {near!r}?" if near else f"It uses {', '.join(used)}."
        raise UsageError(f"{manifest.campaign.name} does not use the channel {name!r}.", next_step=next_step)
    return Channel(name)


def address_of(to: str, channel: Channel) -> str:
    """Return an address in the form that a channel's transport takes; one that is none is refused."""
    column = pa.array([to])
    is_phone = channel in PHONE_CHANNELS
    address = (phone_verdicts(column)["e164"] if is_phone else email_verdicts(column))[0].as_py()
    if address is None:
        what = "valid phone number" if is_phone else "valid e-mail address"
        next_step = "Write it with + and the country's code: +12025550143." if is_phone else "Write one address: ada@example.com."
        raise UsageError(f"--to is {to!r}, which is no {what}, and the channel is {channel}.", next_step=next_step)
    found: str = address
    return found


def send_test(manifest: Manifest, channel: Channel, transport: Transport, to: str, row: pa.Table, now: datetime) -> Trial:
    """Send the message of the recipient whose row this is to another address, and return what the transport answered.

    Its reference names no attempt, and is another one each time: no outcome finds its way into the books by it, and no provider takes a
    second test for the first one.
    """
    campaign, endpoint = manifest.campaign, address_of(to, channel)
    made_for = row[RECIPIENT][0].as_py()
    columns = template_columns(manifest, row)
    texts: dict[str, str] = {}
    if transport.capabilities.texts:
        texts, problems = Message(manifest, channel).told(columns)
        if problems:
            why = "; ".join(f"{part}: {problem}" for part, problem in problems.items())
            next_step = f"outcamp preview {campaign.name} {made_for} shows it; --recipient takes somebody else's columns."
            raise DataError(f"The message of {made_for!r} cannot be made: {why}.", next_step=next_step)
    name = f"test-{run_key(now)}-{now.microsecond:06}"
    own = {
        "occurrence_id": 0,
        "occurrence": 0,
        RECIPIENT: name,
        "attempt": 1,
        "bucket": 0,
        "channel": str(channel),
        "endpoint": endpoint,
        "zones": None,
    }
    sent = pa.Table.from_pylist([own], schema=BATCH_KEYS)
    more: dict[str, pa.Array | pa.ChunkedArray] = {column: columns[column] for column in columns.column_names if column != RECIPIENT}
    more |= {CONTENT + part: pa.array([text]) for part, text in texts.items()}
    more |= {REFERENCE: pa.array([f"{campaign.name}/test/1/{name}"]), SUBMISSION: pa.array([name]), VALID_UNTIL: pa.nulls(1, INSTANT)}
    for column, values in more.items():
        sent = sent.append_column(column, values)
    (answer,) = transport.submit(sent, now).to_pylist()
    return Trial(
        campaign.name,
        channel,
        campaign.channels[channel].transport,
        endpoint,
        made_for,
        texts,
        answer["status"],
        answer["message_id"],
        answer["disposition"],
    )
