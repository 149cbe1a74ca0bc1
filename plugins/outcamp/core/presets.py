"""Compliance presets: rules that law or custom sets, as data. They tighten what a campaign says, and never loosen it.

What a preset says never changes, because published campaigns never do: a changed rule is a new preset with a new name. These are
engineering facts with their sources, not legal advice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from outcamp.core.communication_time import DAYS, MIDNIGHT, RECIPIENT, CommunicationTime, Window
from outcamp.core.dispositions import Channel
from outcamp.core.errors import closest
from outcamp.core.limits import Limit
from outcamp.core.problems import Problem

CALLS_AND_TEXTS: Final = frozenset({Channel.AGENT_VOICE, Channel.AUTOMATED_VOICE, Channel.SMS})
WHOLE_DAY: Final = ((0, MIDNIGHT),)
Hours = tuple[tuple[int, int], ...]  # of one day: [first minute, minute after the last)


@dataclass(frozen=True)
class Preset:
    """One set of rules.

    Attributes:
        says: The rule in words.
        source: Where it stands.
        channels: What its hours are for; without hours it has none.
        hours: The same every day, on the recipient's own clock.
        stop_early: How long before the end of the hours the last message goes.
        limits: Communications of any channel; a rule about calls alone is tightened by that.
    """

    says: str
    source: str
    channels: frozenset[Channel] = frozenset()
    hours: Hours = ()
    stop_early: timedelta = timedelta(0)
    limits: tuple[Limit, ...] = ()


PRESETS: Final[Mapping[str, Preset]] = {
    "us_tcpa": Preset(
        says="No call and no text before 08:00 or after 21:00 on the recipient's clock; the last one a minute before the end.",
        source="47 CFR 64.1200(c)(1)",
        channels=CALLS_AND_TEXTS,
        hours=((8 * 60, 21 * 60),),
        stop_early=timedelta(minutes=1),
    ),
    "us_florida": Preset(
        says="No call and no text before 08:00 or after 20:00 on the recipient's clock, and at most 3 contacts in 24 hours.",
        source="Fla. Stat. 501.616(6)",
        channels=CALLS_AND_TEXTS,
        hours=((8 * 60, 20 * 60),),
        stop_early=timedelta(minutes=1),
        limits=(Limit(count=3, within=timedelta(hours=24)),),
    ),
    "us_reg_f": Preset(
        says="At most 7 contacts in 7 days.",
        source="12 CFR 1006.14(b)(2)",
        limits=(Limit(count=7, within=timedelta(days=7)),),
    ),
}


def preset_problems(names: Sequence[str], time: CommunicationTime | None, channels: Sequence[Channel]) -> list[Problem]:
    """Return what keeps these presets from being applied to a campaign that uses these channels."""
    problems = []
    for position, name in enumerate(names):
        if name not in PRESETS:
            known = f"Presets: {', '.join(sorted(PRESETS))}."
            problems.append(
                Problem(f"{name!r} is not a preset.", at=("presets", position), value=name, closest=closest(name, PRESETS), next_step=known)
            )
        elif name in names[:position]:
            problems.append(Problem(f"{name!r} is named twice.", at=("presets", position), value=name, next_step="Remove one."))
    if problems:
        return problems
    timed = [name for name in names if PRESETS[name].channels & set(channels)]
    if timed and time is not None and time.active and time.time_zone != RECIPIENT:
        problem = f"The preset {timed[0]} holds on each recipient's own clock, and the windows are those of {time.time_zone}."
        return [Problem(problem, at=("communication_time", "time_zone"), value=time.time_zone, next_step="Write time_zone: recipient.")]
    closed = [channel for channel in channels if timed and not any(_week(names, time, channel))]
    return [
        Problem(f"The windows and the presets have no minute in common for {channel}.", at=("presets",), next_step="Widen the windows.")
        for channel in closed
    ]


def tightened(names: Sequence[str], time: CommunicationTime | None) -> CommunicationTime | None:
    """Return a campaign's communication time within the hours of its presets; without any, as it is."""
    presets = [PRESETS[name] for name in names if PRESETS[name].hours]
    if not presets:
        return time
    base = time or CommunicationTime(time_zone=RECIPIENT)
    if not base.active:
        base = base.model_copy(update={"time_zone": RECIPIENT})
    windows = [
        Window(days=(day,), start_minute=start, end_minute=end, channels=(channel,))
        for channel in Channel
        for day, hours in enumerate(_week(names, time, channel))
        for start, end in hours
    ]
    if not windows:  # which would mean always; preset_problems has refused such a campaign
        raise ValueError("The windows and the presets have no minute in common.")
    return base.model_copy(update={"active": tuple(windows), "stop_early": _stop_early(names, time)})


def limits_of(names: Sequence[str]) -> tuple[Limit, ...]:
    """Return the limits that presets add."""
    return tuple(limit for name in names for limit in PRESETS[name].limits)


def _week(names: Sequence[str], time: CommunicationTime | None, channel: Channel) -> list[Hours]:
    """Return the hours of each weekday that windows and presets have in common, as far as they outlast stop_early."""
    windows = time.active if time is not None else ()
    mine = [window for window in windows if not window.channels or channel in window.channels]
    presets = [PRESETS[name] for name in names if PRESETS[name].hours and channel in PRESETS[name].channels]
    early = _stop_early(names, time)
    week = []
    for day in range(len(DAYS)):
        hours: Hours = tuple((window.start_minute, window.end_minute) for window in mine if day in window.days) if windows else WHOLE_DAY
        for preset in presets:
            hours = tuple(
                (max(start, first), min(end, last)) for start, end in hours for first, last in preset.hours if start < last and first < end
            )
        week.append(tuple((start, end) for start, end in hours if timedelta(minutes=end - start) > early))
    return week


def _stop_early(names: Sequence[str], time: CommunicationTime | None) -> timedelta:
    return max([time.stop_early if time is not None else timedelta(0), *(PRESETS[name].stop_early for name in names)])
