"""The zones of a recipient: from a column, the address, the phone number; in the order and by the scope that the campaign says."""

from __future__ import annotations

from functools import reduce

import pyarrow as pa

from outcamp.core.communication_time import RECIPIENT, CommunicationTime, Source
from outcamp.core.zones import is_zone, join_zones, split_zones
from outcamp.frames.address_zones import address_zones
from outcamp.frames.coded_text import CodedText

ZONE_COLUMN = "time_zone"


def zone_sets(
    table: pa.Table, communication_time: CommunicationTime | None, phone_zones: pa.DictionaryArray | None = None
) -> pa.DictionaryArray:
    """Return each recipient's zones, sorted and joined by ``|``, null where no zone is known.

    All are null, too, where the campaign restricts no time and needs no zone.

    Args:
        table: the recipients; a column that it does not have says nothing.
        communication_time: the campaign's.
        phone_zones: what each recipient's phone number says, as ``frames.phones`` gives it.
    """
    rows = table.num_rows
    if communication_time is None or not communication_time.active:
        return CodedText.constant(None, rows).to_arrow()
    if communication_time.time_zone != RECIPIENT:
        return CodedText.constant(communication_time.time_zone, rows).to_arrow()
    said = (_said_by(source, table, phone_zones) for source in communication_time.detect)
    join = _either if communication_time.scope == "first" else _both
    return reduce(lambda zones, more: zones.joined(more, join), said).to_arrow()


def _said_by(source: Source, table: pa.Table, phone_zones: pa.DictionaryArray | None) -> CodedText:
    if source == "column" and ZONE_COLUMN in table.column_names:
        return CodedText.of(table[ZONE_COLUMN], f"The {ZONE_COLUMN} column").translated(lambda name: name if is_zone(name) else None)
    if source == "address":
        return address_zones(table)
    if source == "area_code" and phone_zones is not None:
        return CodedText.of(phone_zones, "The column of the phones' zones")
    return CodedText.constant(None, table.num_rows)


def _either(first: str | None, second: str | None) -> str | None:
    return second if first is None else first


def _both(first: str | None, second: str | None) -> str | None:
    if first is None or second is None:
        return _either(first, second)
    return join_zones((*split_zones(first), *split_zones(second)))
