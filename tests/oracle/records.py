"""What the oracle keeps in mind about each recipient."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Row = dict[str, Any]

ENDS_WELL = {"sms": "delivered", "email": "delivered", "automated_voice": "answered", "agent_voice": "answered"}
DEADLINES = {"sms": "72 hours", "email": "24 hours", "automated_voice": "12 hours", "agent_voice": "12 hours"}
NEVER_REACHED = {
    "sms": {"blocked", "invalid_number", "unreachable", "expired", "failed"},
    "email": {"bounced", "soft_bounced", "rejected"},
    "automated_voice": {"invalid_number", "failed"},
    "agent_voice": {"invalid_number", "failed"},
}


@dataclass
class Attempt:
    """One communication of an entry: first it waits, then it is sent, then its disposition is taken in."""

    number: int
    channel: str
    rule: int | None
    due_at: datetime
    sent_at: datetime | None = None
    # What will become of it: the oracle knows from the sending on, and takes it in when the time has come.
    ends_at: datetime | None = None
    ends_as: str | None = None
    disposition: str | None = None
    disposed_at: datetime | None = None

    def counts(self) -> bool:
        """Say whether it counts in the limits, by what has been taken in."""
        return self.sent_at is not None and self.disposition not in NEVER_REACHED[self.channel]


@dataclass
class Entry:
    """One recipient's pass through the campaign."""

    row: Row
    occurrence: int
    admitted_at: datetime
    last_wave: datetime  # the last wave that decided something about it
    attempts: list[Attempt] = field(default_factory=list)
    exited_at: datetime | None = None

    @property
    def recipient_id(self) -> str:
        return str(self.row["recipient_id"])

    @property
    def is_open(self) -> bool:
        return self.exited_at is None

    @property
    def is_waiting(self) -> bool:
        return self.is_open and self.attempts[-1].sent_at is None


@dataclass
class DeferredRow:
    """A row of a recipient who was still in the campaign; it waits for the open entry's exit."""

    row: Row
    occurrence: int


@dataclass
class Verdict:
    """What a wave decides about a candidate."""

    verdict: str
    reason: str | None = None
    due_at: datetime | None = None
