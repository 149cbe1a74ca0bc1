"""The endpoint of each candidate on a channel: the first valid one of its columns, in the form that is dialled or written to."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from outcamp.core.campaign import Campaign
from outcamp.core.dispositions import PHONE_CHANNELS, Channel
from outcamp.frames.emails import email_verdicts
from outcamp.frames.phones import phone_verdicts


@dataclass(frozen=True)
class Endpoints:
    """Endpoints of rows: ``address`` (null: missing or invalid) and, for phones, the ``zones`` that the number says (null: none)."""

    address: pa.Array
    zones: pa.Array | None


def endpoint_columns(campaign: Campaign, channel: Channel) -> tuple[str, ...]:
    """Return the columns that hold a channel's endpoints, in the order in which they are tried."""
    if channel in PHONE_CHANNELS:
        return campaign.endpoints or ("phone",)
    only_email = not any(used in PHONE_CHANNELS for used in campaign.channels_used)
    return campaign.endpoints if only_email and campaign.endpoints else ("email",)


def endpoints(table: pa.Table, campaign: Campaign, channel: Channel) -> Endpoints:
    """Return the endpoints of a table's rows on a channel; a column that the segment lacks is missing in every row."""
    address: pa.Array = pa.nulls(table.num_rows, pa.string())
    zones: pa.Array | None = None
    for name in endpoint_columns(campaign, channel):
        column = table[name] if name in table.column_names else pa.nulls(table.num_rows, pa.string())
        if channel in PHONE_CHANNELS:
            found = phone_verdicts(column, table["country"] if "country" in table.column_names else None)
            said = pc.if_else(pc.is_null(address), _flat(found["zones"]).cast(pa.string()), zones or pa.nulls(table.num_rows, pa.string()))
            zones = said
            address = pc.coalesce(address, _flat(found["e164"]))
        else:
            address = pc.coalesce(address, _flat(email_verdicts(column)))
        if address.null_count == 0:
            break
    return Endpoints(address, zones)


def _flat(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    if isinstance(column, pa.ChunkedArray):
        return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    return column
