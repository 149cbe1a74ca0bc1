"""A campaign of Amazon Connect, as DescribeCampaign tells it (outbound campaigns, version 2), becomes a campaign file.

What is understood is taken out of the description piece by piece; what is left over at the end has no counterpart, and is told by its
path. So a setting that Amazon adds is never dropped in silence. Shapes: service model ``connectcampaignsv2`` 2024-04-23.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import yaml

from outcamp.core.communication_time import DAYS
from outcamp.core.durations import format_duration
from outcamp.core.errors import DataError
from outcamp.core.local_time import format_moment
from outcamp.core.schedule import Repeat
from outcamp.steps.connect_channels import Piece, channel_blocks

_DURATION: Final = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_WEEKDAYS: Final = dict(zip(("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"), DAYS, strict=True))
_DETECTIONS: Final = {"ZIP_CODE": "address", "AREA_CODE": "area_code"}
_SCOPES: Final = {"PRIMARY_ONLY": "first", "ALL_AVAILABLE": "all"}
_OF_AMAZON: Final = (
    "id",
    "arn",
    "connectInstanceId",
    "tags",
    "type",
    "status",
)  # what names the campaign there and says nothing of what it does


@dataclass
class Imported:
    """A campaign file, and what must be done by hand."""

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Return the campaign file; it begins with the notes, so that they are not lost."""
        head = "".join(f"# {' '.join(note.split())}\n" for note in self.notes)  # a line end would end the comment
        return head + yaml.safe_dump(self.settings, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)


def import_connect(described: object) -> Imported:
    """Return what a description says as a campaign file. What is no description of a campaign raises DataError."""
    try:
        return _imported(described)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        problem = f"the description is not as DescribeCampaign tells it: {type(error).__name__}: {error}"
        raise DataError(problem, next_step="give it the JSON as it came; nothing was written") from error


def _imported(described: object) -> Imported:
    inner = described.get("campaign", described) if isinstance(described, Mapping) else None
    if (
        not isinstance(inner, Mapping)
        or not isinstance(inner.get("name"), str)
        or not isinstance(inner.get("channelSubtypeConfig"), Mapping)
    ):
        hint = "aws connectcampaignsv2 describe-campaign --id ID > campaign.json; of version 1 (dialerConfig), make a campaign of version 2"
        raise DataError("this is no Amazon Connect campaign as DescribeCampaign tells it", next_step=hint)
    campaign = Piece(dict(inner))
    for name in _OF_AMAZON:
        campaign.take(name)
    title = campaign.take("name")
    made = Imported(re.sub(r"[^A-Za-z0-9]+", "-", title).strip("-")[:100] or "imported")
    made.settings |= {"name": made.name, "description": f"Imported from the Amazon Connect campaign {title}"}
    made.settings["segment"] = _segment(campaign.piece("source"), made)
    blocks = channel_blocks(campaign.piece("channelSubtypeConfig"), made.notes)
    if not blocks:
        raise DataError(f"{title}: it uses none of the channels that outcamp has", next_step="those are telephony, sms and email")
    made.settings |= {"channel": next(iter(blocks)), "channels": blocks}
    _note_other_channels(list(blocks), made)
    made.settings |= _limits(campaign.piece("communicationLimitsOverride"), made)
    made.settings |= _time(campaign.piece("communicationTimeConfig"), blocks, made)
    made.settings |= _schedule(campaign.piece("schedule"), made)
    made.settings |= _entries(campaign.piece("entryLimitsConfig"))
    if campaign.take("connectCampaignFlowArn"):
        made.notes.append("Reattempts stand in the campaign's flow, which this description does not hold: write them as reattempts.")
    made.notes += [f"No counterpart: {path} = {value!r}" for path, value in campaign.leftovers()]
    return made


def _segment(source: Piece, made: Imported) -> Any:
    if source.piece("eventTrigger").take("customerProfilesDomainArn"):
        made.notes.append("Its people came by events: it is an external campaign, into which they are pushed.")
        return "external"
    arn = source.take("customerProfilesSegmentArn")
    made.notes.append(f"Write include/sql/segments/{made.name}.sql: who {arn or 'the segment'} returned.")
    return {"sql": f"{made.name}.sql"}


def _note_other_channels(channels: list[str], made: Imported) -> None:
    if len(channels) > 1:
        others = " and ".join(channels[1:])
        made.notes.append(f"It has several channels; {channels[0]} is taken for the main one: write reattempts that use {others}.")


def _limits(override: Piece, made: Imported) -> dict[str, Any]:
    found: dict[str, Any] = {}
    listed = override.piece("allChannelSubtypes").take("communicationLimitsList") or []
    limits = [
        {"count": one["maxCountPerRecipient"], "within": f"{one['frequency']} days"} for one in listed if one.get("unit", "DAY") == "DAY"
    ]
    made.notes += [f"No counterpart: the communication limit {one!r}" for one in listed if one.get("unit", "DAY") != "DAY"]
    if limits:
        found["communication_limits"] = limits
    if override.take("instanceLimitsHandling") == "OPT_OUT":
        found["ignore_total_limits"] = True
    return found


def _time(config: Piece, blocks: Mapping[str, Any], made: Imported) -> dict[str, Any]:
    zones = config.piece("localTimeZoneConfig")
    detections, scope = zones.take("localTimeZoneDetection"), zones.take("localTimeZoneDetectionScope")
    time: dict[str, Any] = {"time_zone": zones.take("defaultTimeZone") or "recipient"}
    if detections:
        time["detect"] = [_DETECTIONS.get(one, one) for one in detections]
    if scope:
        time["scope"] = _SCOPES.get(scope, scope)
    active: list[dict[str, Any]] = []
    exceptions: list[dict[str, Any]] = []
    for channel in blocks:
        window = config.piece("telephony" if channel.endswith("_voice") else channel)
        days = window.piece("openHours").take("dailyHours")
        active += [one | {"channels": [channel]} for one in _windows(days or {})]
        closed = window.piece("restrictedPeriods").take("restrictedPeriodList") or []
        exceptions += [_exception(one, made) | {"channels": [channel]} for one in closed]
    if active:
        time["active"] = active
    if exceptions:
        time["exceptions"] = exceptions
    return {"communication_time": time} if active else {}


def _windows(daily: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield each stretch once, with all weekdays that have it."""
    days_of: dict[tuple[str, str], list[str]] = {}
    for weekday, day in _WEEKDAYS.items():
        for stretch in daily.get(weekday) or []:
            days_of.setdefault((_clock(stretch["startTime"]), _clock(stretch["endTime"])), []).append(day)
    for (start, end), days in days_of.items():
        yield {"days": days, "from": start, "to": "24:00" if end in {"23:59", "00:00"} else end}


def _clock(text: str) -> str:
    return text.removeprefix("T")[:5]


def _exception(period: Mapping[str, str], made: Imported) -> dict[str, Any]:
    """Return days that are excepted. Amazon's last day is the first one that is open again, ours the last one that is not."""
    first, after = date.fromisoformat(period["startDate"]), date.fromisoformat(period["endDate"])
    name = period.get("name") or f"{first}"
    if after <= first:
        made.notes.append(f"The restricted period {name} ends before it begins, and closed no day; it is taken for its first day.")
    last = max(after - timedelta(days=1), first)
    return {"name": name, "from": f"{first}", "to": f"{last}"}


def _schedule(schedule: Piece, made: Imported) -> dict[str, Any]:
    start, end, refresh = schedule.take("startTime"), schedule.take("endTime"), schedule.take("refreshFrequency")
    found: dict[str, Any] = {"start": format_moment(_instant(start)) if start else "now", "time_zone": "UTC"}
    if end:
        found["expires"] = format_moment(_instant(end))
    if refresh:
        repeat = _repeat(_duration(refresh))
        if repeat is None:
            made.notes.append(f"No counterpart: the segment is refreshed every {refresh}; outcamp's occurrences are whole hours apart.")
        else:
            found["repeat"] = str(repeat)
    return {"schedule": found}


def _repeat(every: timedelta) -> Repeat | None:
    for unit, length in (("week", timedelta(weeks=1)), ("day", timedelta(days=1)), ("hour", timedelta(hours=1))):
        if every and not every % length and every // length <= 1000:
            return Repeat(every=every // length, unit=unit)  # type: ignore[arg-type]  # units of a repeat
    return None


def _entries(config: Piece) -> dict[str, Any]:
    most, interval = config.take("maxEntryCount"), _duration(config.take("minEntryInterval") or "PT0S")
    limits = ({"max": most} if most else {}) | ({"min_interval": format_duration(interval)} if interval else {})
    return {"entry_limits": limits} if limits else {}


def _duration(text: str) -> timedelta:
    form = _DURATION.fullmatch(text)
    if form is None:
        raise DataError(f"{text!r} is no duration as Amazon writes it", next_step="it looks like P1D or PT2H")
    days, hours, minutes, seconds = (int(number or 0) for number in form.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _instant(told: object) -> datetime:
    """Return an instant without its zone, which is UTC: the command line writes ISO 8601, the SDK's JSON seconds since 1970."""
    try:
        at = datetime.fromtimestamp(told, UTC) if isinstance(told, int | float) else datetime.fromisoformat(str(told))
    except (ValueError, OverflowError, OSError):
        raise DataError(f"{told!r} is no instant", next_step="it looks like 2026-12-01T15:00:00Z") from None
    return at.astimezone(UTC).replace(tzinfo=None, microsecond=0)
