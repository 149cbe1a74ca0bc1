"""What a seed likes to disturb: drawn for each, and shifted by a profile to where certain faults would show."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Any

from outcamp.store.sql import queries

# The operations around a submission; a seed makes its actors meet, and crash, at one of these more often than at others.
AROUND_A_SUBMISSION = (
    *("ledger commit", "ledger committed", "transport submit", "transport submitted"),
    *("ledger hold-token", "ledger lock-buckets", "ledger over-limits", "ledger submit", "ledger record-answers", "ledger take-back"),
)
ELSEWHERE = (
    *("lake write", "lake rename", "lake renamed", "airflow live", "airflow make", "airflow again"),
    *("transport outcomes", "transport acknowledge", "clock wait"),
)
SEND = ("send",)
# The steps that a seed disturbs; the others run through, so that the disturbed ones meet in numbers.
FOCUS = (
    *(SEND,) * 4,
    *(("send", "snapshot", "approve", "feed_back", "pulse", "deed"),) * 2,
    ("snapshot", "filter", "fan_out", "deed"),
    *(("snapshot", "filter", "fan_out", "approve", "send", "next_wave", "feed_back", "watch", "pulse", "deed"),) * 2,
)
# How often things happen from outside, relative to each other; most seeds have a theme, of which there is much more.
MEDDLING = {
    "brink": 0.3,
    "long wait": 0.1,
    "crash": 0.2,
    "lose contact": 0.4,
    "sleep": 0.3,
    "mark dead": 0.04,
    "clear": 0.2,
    "pause": 0.04,
    "pulse": 0.3,
    "repeat": 0.08,
    "restart": 0.03,
    "suppress": 0.06,
    "stop": 0.01,
    "delete": 0.005,
    "error": 0.02,
    "resume": 0.05,
    "mark answered": 0.04,
}
# Shifts of a mood, and what is done more often.
PROFILES: dict[str, tuple[dict[str, Any], dict[str, float]]] = {
    "any": ({}, {}),
    # Submissions lose their answers, are tried again, and the truth comes later.
    "doubt": ({"focus": SEND, "fatal": "transport submitted", "crashes": 3}, {"long wait": 0.5}),
    # The waves of a campaign meet, and nobody dies.
    "lively": (
        {"focus": SEND, "meeting": "transport submit", "pause": 0.1, "crash": 0.0, "crashes": 0, "twins": 0.0, "haste": 2.0},
        dict.fromkeys(MEDDLING, 0.0) | {"pulse": 0.6, "brink": 0.1},
    ),
    # People pause, stop, suppress and repair while batches are on their way.
    "held": (
        {"focus": SEND, "meeting": ("ledger begin", "ledger lock-buckets"), "pause": 0.2},
        {"pause": 0.5, "stop": 0.05, "delete": 0.02, "error": 0.2, "resume": 0.2, "suppress": 0.6},
    ),
    # Everything is tried twice at once.
    "twins": ({"focus": SEND, "meeting": "ledger begin", "twins": 0.6, "crash": 0.0, "crashes": 0, "pause": 0.1}, {"lose contact": 0.8}),
    # Sends of several campaigns count at one moment.
    "crowd": (
        {"focus": SEND, "meeting": ("ledger submit", "ledger commit"), "twins": 0.0, "crash": 0.0, "crashes": 0, "pause": 0.05},
        dict.fromkeys(MEDDLING, 0.0),
    ),
    # The clock is set back while sends count.
    "slips": (
        {"focus": SEND, "meeting": ("ledger begin", "ledger lock-buckets"), "twins": 0.0, "crashes": 0, "pause": 0.1, "slips": 0.15},
        {},
    ),
    # Occurrences are run once more under another name, and waves are cleared and deleted.
    "again": ({}, {"repeat": 0.6, "clear": 0.6, "mark dead": 0.2}),
    # Workers wait for their turns, and are late.
    "paced": (
        {"focus": SEND, "meeting": ("ledger lock-pace", "clock wait"), "twins": 0.0, "crash": 0.0, "crashes": 0, "pause": 0.05},
        dict.fromkeys(MEDDLING, 0.0) | {"pulse": 0.3},
    ),
    # People answer what they are asked, or do not.
    "reviewed": (
        {
            "focus": ("approve", "send", "snapshot", "fan_out", "pulse"),
            "meeting": ("ledger approve-occurrence", "ledger reject-occurrence", "ledger review-of-occurrence", "ledger claim-due"),
            "pause": 0.05,
        },
        {"mark answered": 3.0, "mark dead": 0.3, "clear": 0.4, "lose contact": 0.5, "pulse": 0.6, "long wait": 0.3},
    ),
    # Two people answer the same question, one after the other.
    "contradicted": (
        {"focus": ("approve",), "meeting": "ledger reject-occurrence", "pause": 0.05, "crash": 0.0, "crashes": 0, "twins": 0.0},
        dict.fromkeys(MEDDLING, 0.0) | {"lose contact": 6.0},
    ),
    # What is old is moved before each wave, too.
    "moved": ({"crash": 0.0, "crashes": 0, "twins": 0.0}, {"pulse": 0.6}),
    # Campaigns end while people are in them.
    "ended": ({}, {"stop": 0.3, "delete": 0.1, "pause": 0.3, "brink": 0.6}),
}


@dataclass(frozen=True)
class Mood:
    """How a seed goes about it."""

    profile: str
    focus: tuple[str, ...]
    meeting: str  # where actors are parked, and wait for each other
    fatal: str  # where they die
    crashes: int  # how often they do
    crash: float  # how often they die anywhere else
    pause: float  # how often they are parked anywhere else
    twins: float  # how often Airflow takes a try for dead that has just begun
    slips: float  # how often the clock is set back by seconds
    haste: float  # how often the clock goes on while there is anything to do
    turns: int
    meddling: dict[str, float]


def draw_mood(rng: Random, seed: str) -> Mood:
    """Draw a mood; a seed like ``held/17`` asks for its profile, others are as often shifted as not."""
    known = [f"ledger {name}" for name in sorted(queries())] + [*ELSEWHERE]
    theme = rng.choice(list(MEDDLING))
    drawn = rng.choice(("any",) * 7 + tuple(PROFILES))
    profile = seed.split("/", maxsplit=1)[0] if "/" in seed else drawn
    mood = Mood(
        profile=profile,
        focus=rng.choice(FOCUS),
        meeting=rng.choice(rng.choice((AROUND_A_SUBMISSION, known))),
        fatal=rng.choice(rng.choice((AROUND_A_SUBMISSION, AROUND_A_SUBMISSION, known))),
        crashes=rng.choice((0, 1, 2, 3)),
        crash=rng.choice((0.0, 0.002, 0.01)),
        pause=rng.choice((0.05, 0.1, 0.2, 0.5)),
        twins=rng.choice((0.0, 0.0, 0.3)),
        slips=rng.choice((0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.05)),
        haste=0.3,
        turns=rng.choice((40, 80, 160)),
        meddling=MEDDLING | {theme: MEDDLING[theme] * 4 + 0.4},
    )
    shifts, more = PROFILES[profile]
    chosen = {name: rng.choice(shift) if name == "meeting" and isinstance(shift, tuple) else shift for name, shift in shifts.items()}
    return replace(mood, **chosen, meddling=mood.meddling | more)
