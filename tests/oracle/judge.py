"""What a wave decides about one candidate: the rules in their order, the first hit wins."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from oracle.endpoints import channels_used, endpoint_of
from oracle.open_times import OpenTimes
from oracle.records import Entry, Row, Verdict
from oracle.schedule import expiry_of
from oracle.words import duration
from oracle.zones import zones_of


class Judge:
    """The rules of one campaign, and the books that they look at."""

    def __init__(self, campaign: dict[str, Any], history: list[Row], suppressions: list[Row], held_out: Callable[[str], bool]) -> None:
        self.campaign, self.history, self.suppressions, self.held_out = campaign, history, suppressions, held_out
        self.entries: list[Entry] = []
        self.expires = expiry_of(campaign)
        self.open_times = {channel: OpenTimes(campaign, channel) for channel in channels_used(campaign)}

    def verdict_on_new(self, row: Row, now: datetime) -> Verdict:
        """Decide about a recipient who asks to enter."""
        recipient_id, channel = row["recipient_id"], self.campaign["channel"]
        endpoint = endpoint_of(self.campaign, row, channel)
        if endpoint is None:
            return Verdict("drop", "invalid_endpoint")
        if self.is_suppressed(recipient_id, endpoint, channel):
            return Verdict("drop", "suppressed")
        if self.is_in_campaign(recipient_id):
            defer = self.campaign.get("while_active", "skip") == "defer"
            return Verdict("later" if defer else "drop", "already_in_campaign")
        if self.has_entered_enough(recipient_id, now):
            return Verdict("drop", "entry_limit")
        if self.lacks_time_zone(row, channel):
            return Verdict("drop", "no_time_zone")
        if self.held_out(recipient_id):
            return Verdict("drop", "holdout")
        return self.timing(row, channel, now)

    def verdict_on_due(self, row: Row, channel: str, now: datetime) -> Verdict:
        """Decide about an attempt of somebody who has entered."""
        endpoint = endpoint_of(self.campaign, row, channel)
        if endpoint is None:
            return Verdict("drop", "invalid_endpoint")
        if self.is_suppressed(row["recipient_id"], endpoint, channel):
            return Verdict("drop", "suppressed")
        if self.lacks_time_zone(row, channel):
            return Verdict("drop", "no_time_zone")
        return self.timing(row, channel, now)

    def timing(self, row: Row, channel: str, now: datetime) -> Verdict:
        """Ask the windows, then the limits."""
        times = self.open_times[channel]
        if times.restricted:
            opening = times.next_opening(now, zones_of(self.campaign, row), self.expires)
            if opening is None:
                return Verdict("drop", "no_open_time")
            if opening > now:
                return Verdict("later", "window_closed", opening)
        freed = self.freed_at(row["recipient_id"], now)
        if freed is None:
            return Verdict("send")
        if self.campaign.get("on_limit", "drop") == "drop" or self.is_over(freed):
            return Verdict("drop", "over_limit")
        return Verdict("later", "over_limit", freed)

    def is_over(self, instant: datetime) -> bool:
        """Say whether the campaign has expired."""
        return self.expires is not None and instant >= self.expires

    def is_suppressed(self, recipient_id: str, endpoint: str, channel: str) -> bool:
        for item in self.suppressions:
            names_them = item.get("recipient_id") == recipient_id or item.get("endpoint") == endpoint
            if names_them and item.get("channel") in {None, channel}:
                return True
        return False

    def entries_of(self, recipient_id: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.recipient_id == recipient_id]

    def is_in_campaign(self, recipient_id: str) -> bool:
        return any(entry.is_open for entry in self.entries_of(recipient_id))

    def has_entered_enough(self, recipient_id: str, now: datetime) -> bool:
        limits = self.campaign.get("entry_limits", {})
        admissions = [entry.admitted_at for entry in self.entries_of(recipient_id)]
        if "max" in limits and len(admissions) >= limits["max"]:
            return True
        return bool(admissions) and "min_interval" in limits and now - max(admissions) < duration(limits["min_interval"])

    def lacks_time_zone(self, row: Row, channel: str) -> bool:
        return self.open_times[channel].restricted and not zones_of(self.campaign, row)

    def freed_at(self, recipient_id: str, now: datetime) -> datetime | None:
        """Return when the last broken limit is whole again, or None if no limit is broken."""
        freed = []
        for limit in self.campaign.get("communication_limits", []):
            within = duration(limit["within"])
            inside = [moment for moment in self.contacted_at(recipient_id) if now - within < moment <= now]
            if len(inside) >= limit["count"]:
                newest_first = sorted(inside, reverse=True)
                freed.append(newest_first[limit["count"] - 1] + within)
        return max(freed, default=None)

    def contacted_at(self, recipient_id: str) -> list[datetime]:
        """List the instants of all communications that count for a recipient."""
        every_campaign = self.campaign.get("counts", "active_campaigns") == "all_campaigns"
        moments = []
        for contact in self.history:
            is_own = contact["campaign"] == self.campaign["name"]
            if contact["recipient_id"] == recipient_id and (every_campaign or contact["active"] or is_own):
                moments.append(contact["contacted_at"])
        for entry in self.entries_of(recipient_id):
            moments += [attempt.sent_at for attempt in entry.attempts if attempt.sent_at is not None and attempt.counts()]
        return moments
