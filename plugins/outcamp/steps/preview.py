"""preview: the message that a recipient would get on each channel of a campaign. It asks the books and the segment, and writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from outcamp.core.dispositions import Channel
from outcamp.core.errors import UsageError
from outcamp.core.manifest import Manifest
from outcamp.core.sms_parts import SmsLength, sms_length
from outcamp.frames.endpoints import endpoint_columns, endpoints
from outcamp.frames.hashing import buckets
from outcamp.segments.templates import columns_read
from outcamp.steps.content import Message
from outcamp.steps.engine import Segment
from outcamp.steps.snapshot import RECIPIENT
from outcamp.store import campaigns, recipients
from outcamp.store.lake import Lake
from outcamp.store.ledger import Ledger
from outcamp.transports.base import COLUMN


@dataclass(frozen=True)
class ChannelMessage:
    """What goes to a recipient by one channel. ``problems``: why the endpoint, or a part of the message, is none; ``length``: of an SMS."""

    channel: Channel
    transport: str
    endpoint: str | None
    texts: Mapping[str, str]
    problems: Mapping[str, str]
    length: SmsLength | None = None


@dataclass(frozen=True)
class Preview:
    """One recipient's messages, and where their columns were read."""

    campaign: str
    recipient_id: str
    source: str
    channels: tuple[ChannelMessage, ...]

    @property
    def whole(self) -> bool:
        """Tell whether every channel can be used as it stands."""
        return not any(one.problems for one in self.channels)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for ``--json``."""
        return asdict(self)


def preview(manifest: Manifest, row: pa.Table, source: str) -> Preview:
    """Return the messages of the recipient whose row of the segment this is."""
    campaign = manifest.campaign
    channels = tuple(message_of(manifest, row, channel) for channel in campaign.channels_used)
    return Preview(campaign.name, row[RECIPIENT][0].as_py(), source, channels)


def message_of(manifest: Manifest, row: pa.Table, channel: Channel) -> ChannelMessage:
    """Return what the recipient gets by one channel: made from the frozen templates, as send makes it."""
    texts, problems = Message(manifest, channel).told(template_columns(manifest, row))
    endpoint = endpoints(row, manifest.campaign, channel).address[0].as_py()
    if endpoint is None:
        tried = " and ".join(endpoint_columns(manifest.campaign, channel))
        problems = {"endpoint": f"nothing valid for {channel} stands in {tried}"} | problems
    length = sms_length(texts["body"]) if channel == Channel.SMS and "body" in texts else None
    return ChannelMessage(channel, manifest.campaign.channels[channel].transport, endpoint, texts, problems, length)


def template_columns(manifest: Manifest, row: pa.Table) -> pa.Table:
    """Return the columns that the templates read, named as the rows of a batch name them."""
    names = sorted(columns_read(manifest.campaign, manifest.templates) & set(row.column_names))
    return pa.table({RECIPIENT: row[RECIPIENT]} | {COLUMN + name: row[name] for name in names})


def row_of_snapshot(ledger: Ledger, lake: Lake, manifest: Manifest, recipient_id: str) -> tuple[pa.Table, str] | None:
    """Return a recipient's row of the newest snapshot that holds them, and its name; None when there is none."""
    with ledger.transaction() as tx:
        campaign_id = campaigns.campaign_id_of(tx, manifest.campaign.name)
        if campaign_id is None:
            return None
        parts = recipients.parts_that_hold(tx, campaign_id, int(buckets(pa.array([recipient_id]))[0]))
    for part in reversed(parts):
        file = part.file("snapshots")
        if file is not None and lake.exists(file):
            rows = recipients.rows_of(lake, file, recipient_id)
            if rows.num_rows:
                return rows.slice(0, 1), f"the snapshot {part.run}"
    return None


def row_of_segment(segment: Segment, campaign: str, recipient_id: str) -> pa.Table:
    """Return a recipient's row of the segment as it is now: the first one, which is the one that counts."""
    for rows in segment.read(0):
        mine = rows.filter(pc.equal(rows[RECIPIENT], recipient_id))
        if mine.num_rows:
            return mine.slice(0, 1)
    raise UsageError(f"The segment of {campaign} has no recipient {recipient_id!r}.", next_step="Check the id; it is compared as text.")


def first_row(segment: Segment, campaign: str) -> pa.Table:
    """Return the first row of the segment as it is now."""
    row = next((rows.slice(0, 1) for rows in segment.read(0) if rows.num_rows), None)
    if row is None:
        raise UsageError(f"The segment of {campaign} is empty.", next_step="A message is made with somebody's columns: add a row.")
    return row
