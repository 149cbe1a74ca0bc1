"""Small scenarios for the oracle: a plain campaign, two people, and short ways to write what is given and what was found."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from oracle.campaign_oracle import Result, simulate_by_hand

ANN = {"recipient_id": "ann", "phone": "+12127365000", "email": "ann@acme.com"}  # New York
BEN = {"recipient_id": "ben", "phone": "+13125550142", "email": "ben@acme.com"}  # Chicago
OFFICE_HOURS = [{"days": "mon-fri", "from": "09:00", "to": "12:00"}]
BLOCKED = {"when": ["blocked"], "channel": "automated_voice", "wait": "0 minutes"}


def utc(text: str) -> datetime:
    """Read ``"06-01 10:00"`` (of 2026) or a whole date as an instant in UTC."""
    return datetime.fromisoformat(text if len(text) > 14 else f"2026-{text}").replace(tzinfo=UTC)


def clock(instant: datetime | None) -> str | None:
    """Write an instant of 2026 shortly, with seconds only when there are some."""
    return instant and instant.strftime("%m-%d %H:%M" + (":%S" if instant.second else ""))


def outcome(attempt: int, disposition: str, after: int, channel: str = "sms", recipient_id: str = "ann") -> dict[str, Any]:
    return {"recipient_id": recipient_id, "attempt": attempt, "channel": channel, "disposition": disposition, "after": after}


def contact(moment: str, *, active: bool = True, recipient_id: str = "ann") -> dict[str, Any]:
    campaign = "running" if active else "done"
    return {"recipient_id": recipient_id, "campaign": campaign, "contacted_at": utc(moment), "active": active}


def run(recipients: list[dict[str, Any]] | None = None, at: str = "06-01 10:00", **given: Any) -> Result:
    """Simulate a plain text message campaign (2026-06-01 is a Monday), with whatever the test changes about it."""
    data = {"history": [], "outcomes": [], "until": None, "wave_interval": 60, "suppressions": None}
    rest = {name: given.pop(name, default) for name, default in data.items()}
    if rest["until"] is not None:
        rest["until"] = utc(rest["until"])
    campaign = {"name": "case", "channel": "sms", "schedule": {"start": "now", "time_zone": "UTC"}, **given}
    return simulate_by_hand(campaign, recipients or [ANN], rest.pop("history"), rest.pop("outcomes"), utc(at), **rest)


def verdicts(result: Result) -> list[tuple[Any, ...]]:
    """List (wave, recipient, attempt, verdict, reason, due) of each verdict, in order of the waves."""
    assert result.summary["balanced"]
    return [(clock(v["wave_at"]), v["recipient_id"], v["attempt"], v["verdict"], v["reason"], clock(v["due_at"])) for v in result.verdicts]


def attempts(result: Result) -> list[tuple[Any, ...]]:
    """List (attempt, channel, sent, disposition, disposed, counted, rule) of each attempt."""
    return [
        (a["attempt"], a["channel"], clock(a["sent_at"]), a["disposition"], clock(a["disposed_at"]), a["counted"], a["rule"])
        for a in result.attempts
    ]


def reasons(result: Result) -> list[tuple[str, str | None]]:
    """List (recipient, reason) of each verdict, the verdict itself where it has no reason."""
    assert result.summary["balanced"]
    return [(v["recipient_id"], v["reason"] or v["verdict"]) for v in result.verdicts]
