"""The endpoint of each candidate on a channel: the first valid one of its columns, in the form that is dialled or written to."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from outcamp.core.campaign import Campaign
from outcamp.core.communication_time import RECIPIENT
from outcamp.core.dispositions import PHONE_CHANNELS, Channel
from outcamp.frames.emails import email_verdicts
from outcamp.frames.phones import phone_verdicts


@dataclass(frozen=True)
class Endpoints:
    """Endpoints of rows: ``address`` (null: missing or invalid), and the ``zones`` that their phone number says (null: none)."""

    address: pa.Array
    zones: pa.DictionaryArray | None


def endpoint_columns(campaign: Campaign, channel: Channel) -> tuple[str, ...]:
    """Return the columns that hold a channel's endpoints, in the order in which they are tried."""
    if channel in PHONE_CHANNELS:
        return campaign.endpoint_columns or ("phone",)
    return campaign.endpoint_columns if campaign.endpoint_columns and _only_email(campaign) else ("email",)


def phone_columns(campaign: Campaign) -> tuple[str, ...]:
    """Return the columns whose phone number may say a recipient's zone, whatever the channel is."""
    return campaign.endpoint_columns if campaign.endpoint_columns and not _only_email(campaign) else ("phone",)


def endpoints(table: pa.Table, campaign: Campaign, channel: Channel) -> Endpoints:
    """Return the endpoints of a table's rows on a channel; a column that the segment lacks is missing in every row."""
    time = campaign.contact_time
    asks_number = time is not None and bool(time.active) and time.time_zone == RECIPIENT and "area_code" in time.detect
    if channel in PHONE_CHANNELS:
        return _first_phone(table, phone_columns(campaign))
    zones = _first_phone(table, phone_columns(campaign)).zones if asks_number else None
    address: pa.Array = pa.nulls(table.num_rows, pa.string())
    for name in endpoint_columns(campaign, channel):
        address = pc.coalesce(address, _flat(email_verdicts(_column(table, name))))
    return Endpoints(address, zones)


def _first_phone(table: pa.Table, columns: tuple[str, ...]) -> Endpoints:
    country = table["country"] if "country" in table.column_names else None
    found = [phone_verdicts(_column(table, name), country) for name in columns]
    if len(found) == 1:
        return Endpoints(_flat(found[0]["e164"]), _flat(found[0]["zones"]))
    address, zones = pa.nulls(table.num_rows, pa.string()), pa.nulls(table.num_rows, pa.string())
    for verdicts in found:
        zones = pc.if_else(pc.is_null(address), _flat(verdicts["zones"]).cast(pa.string()), zones)
        address = pc.coalesce(address, _flat(verdicts["e164"]))
    return Endpoints(address, zones.dictionary_encode())


def _only_email(campaign: Campaign) -> bool:
    return not any(channel in PHONE_CHANNELS for channel in campaign.channels_used)


def _column(table: pa.Table, name: str) -> pa.ChunkedArray:
    return table[name] if name in table.column_names else pa.chunked_array([pa.nulls(table.num_rows, pa.string())])


def _flat(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return one array; a table's column of one chunk is not copied."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
