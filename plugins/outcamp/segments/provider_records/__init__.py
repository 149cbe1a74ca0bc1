"""What providers say of messages and calls, turned into our outcomes; each provider's words stand in the tables of its module."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Protocol

from outcamp.segments.provider_records import connect, end_user_messaging, ses, twilio
from outcamp.segments.provider_records.base import Outcome


class _Reader(Protocol):
    def is_ours(self, record: Mapping[str, Any]) -> bool: ...

    def outcome_of(self, record: Mapping[str, Any], received_at: datetime) -> Outcome | None: ...


_READERS: Final[tuple[_Reader, ...]] = (ses, end_user_messaging, connect, twilio)


def outcome_of(record: Mapping[str, Any], received_at: datetime) -> Outcome | None:
    """Return the outcome that a provider's record tells, as a row of a file of outcomes; None when it tells none.

    The provider is known by the form of the record; what EventBridge has wrapped is taken out of its wrapping first. A word that a table
    does not know becomes the disposition as it is: it is kept aside as none of the channel's, and so is not lost.
    """
    if "detail-type" in record and isinstance(record.get("detail"), Mapping):
        record = record["detail"]
    for reader in _READERS:
        if reader.is_ours(record):
            return reader.outcome_of(record, received_at)
    return None
