"""What happened to a recipient and why, in words: verdicts, exits, dispositions, and when a channel is open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from outcamp.core.communication_time import DAYS, CommunicationTime, ExceptionDays, Window
from outcamp.core.dispositions import Channel
from outcamp.core.durations import format_duration
from outcamp.core.local_time import format_minute, to_local
from outcamp.core.reattempts import ReattemptRule

# Why somebody is not contacted now, or has left the campaign. One table: a verdict's reason becomes the exit's.
REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "duplicate": "the id stands twice in the segment, and the first row was taken",
        "invalid_endpoint": "no phone number or e-mail address of theirs is valid for the channel",
        "suppressed": "they are on the do-not-contact list",
        "already_in_campaign": "their entry of an earlier occurrence was still open",
        "entry_limit": "they had entered as often, or as lately, as entry_limits allow",
        "no_time_zone": "nothing says in which time zone they are",
        "holdout": "they belong to the share that is never contacted",
        "no_open_time": "the channel is not open for them before the campaign, or their push, ends",
        "window_closed": "the channel was closed for them",
        "over_limit": "they had been contacted as often as the limits allow",
        "waiting_to_reattempt": "the reattempt rule asks to wait",
        "content_error": "the text of their message could not be made",
        "rejected": "a person rejected the occurrence in its review",
        "awaiting_review": "nobody had approved the occurrence yet",
        "paused": "the campaign was paused",
        "throttled": "the transport asked to wait",
        "late": "the process had stood still since it looked at everything",
        "pace": "others are before them, at the campaign's pace",
        "error": "the campaign was in Error",
        "stopped": "the campaign was stopped",
        "deleted": "the campaign was deleted",
        "expired": "the campaign, or their push, had expired",
        "erased": "they were erased from the books",
        "finished": "no reattempt rule was left for how the last attempt ended",
    }
)

DISPOSITION_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "answered": "a person answered",
        "voicemail": "a voicemail answered",
        "no_answer": "nobody answered",
        "busy": "the line was busy",
        "invalid_number": "the number does not exist",
        "fax": "a fax machine answered",
        "abandoned": "a person answered, and no agent was there",
        "failed": "the channel failed to reach them",
        "delivered": "it was delivered",
        "bounced": "the address refused it for good",
        "soft_bounced": "the address refused it for now",
        "complained": "they reported it as spam",
        "rejected": "the provider refused to send it",
        "blocked": "the carrier blocked it",
        "unreachable": "the phone could not be reached",
        "expired": "it could not be delivered in time",
        "opted_out": "they asked for no more messages",
        "no_outcome": "no outcome came by the channel's deadline",
        "unknown": "nobody knows whether it was submitted; it counts, and is never sent again",
    }
)


def reason_in_words(code: str | None) -> str:
    """Return why, in words; a code that has none yet is shown as it is."""
    return REASONS.get(code or "", (code or "nothing").replace("_", " "))


def disposition_in_words(code: str) -> str:
    """Return what a disposition says, in words; a code that has none yet is shown as it is."""
    return DISPOSITION_WORDS.get(code, code.replace("_", " "))


def rule_in_words(index: int, rule: ReattemptRule) -> str:
    """Return a reattempt rule as people count and read it: ``rule 1 (blocked or busy: sms after 10 minutes)``."""
    return f"rule {index + 1} ({' or '.join(rule.when)}: {rule.channel} after {format_duration(rule.wait)})"


def windows_in_words(time: CommunicationTime, channel: Channel) -> str:
    """Return the windows of a channel: ``mon-fri 09:00-12:00, 13:00-18:00; sat 10:00-14:00``."""
    by_days: dict[str, list[str]] = {}
    for window in _windows(time, channel):
        stretch = f"{format_minute(window.start_minute)}-{format_minute(window.end_minute)}"
        by_days.setdefault(_days_in_words(window.days), []).append(stretch)
    text = "; ".join(f"{days} {', '.join(stretches)}" for days, stretches in by_days.items())
    if text and time.stop_early:
        text += f", stopping {format_duration(time.stop_early)} early"
    return text or "no window at all"


def closed_in_words(time: CommunicationTime, channel: Channel, instant: datetime, zones: Iterable[str]) -> str:
    """Return why a channel was closed at an instant, by the clock of each zone in which it was; empty when it was open in all of them.

    It looks at the wall clock and shares nothing with ``core.open_times``, so that an audit can check that one by it.
    """
    said: dict[str, list[str]] = {}  # zones that say the same are named together
    for zone in zones:
        local = to_local(instant, zone)
        exception = next((days for days in _exceptions(time, channel) if days.start <= local.date() <= days.end), None)
        if exception is not None:
            said.setdefault(f"{local:%Y-%m-%d} was excepted ({exception.name})", []).append(zone)
        elif not _in_a_window(time, channel, local):
            said.setdefault(f"it was {DAYS[local.weekday()]} {local:%H:%M}", []).append(zone)
    outside = f", outside {windows_in_words(time, channel)}" if any(words.startswith("it was") for words in said) else ""
    return " and ".join(f"{words} in {' and '.join(where)}" for words, where in said.items()) + outside


def _windows(time: CommunicationTime, channel: Channel) -> list[Window]:
    return [window for window in time.active if not window.channels or channel in window.channels]


def _exceptions(time: CommunicationTime, channel: Channel) -> list[ExceptionDays]:
    return [days for days in time.exceptions if not days.channels or channel in days.channels]


def _in_a_window(time: CommunicationTime, channel: Channel, local: datetime) -> bool:
    clock = timedelta(hours=local.hour, minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return any(
        local.weekday() in window.days
        and timedelta(minutes=window.start_minute) <= clock < timedelta(minutes=window.end_minute) - time.stop_early
        for window in _windows(time, channel)
    )


def _days_in_words(days: tuple[int, ...]) -> str:
    """Return weekdays as a file writes them; a run of three or more is a range."""
    runs: list[list[int]] = []
    for day in days:
        if runs and day == runs[-1][-1] + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ", ".join(f"{DAYS[run[0]]}-{DAYS[run[-1]]}" if len(run) > 2 else ", ".join(DAYS[day] for day in run) for run in runs)
