"""The deployment's settings, from the environment: ``OUTCAMP_*``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from outcamp.core.durations import parse_duration
from outcamp.core.errors import UsageError
from outcamp.core.limits import Limit, read_limits
from outcamp.core.places import Address
from outcamp.core.wave_interval import WAVE_INTERVAL, read_seconds, wave_interval
from outcamp.steps.places import place_in
from outcamp.steps.project import project_home

PULSE = timedelta(minutes=5)


@dataclass(frozen=True)
class Settings:
    """What the environment says of this deployment.

    Attributes:
        home: The root of the project: drafts, manifests, segments and templates lie below it.
        ledger: The URI of the ledger; empty: the Airflow connection ``outcamp_ledger``.
        store: The folder of the lake, or its address in an object store.
        outcomes: The folder, or the address, from which files of outcomes are taken in.
        wave_interval: Waves run at multiples of this.
        pulse: How often outcomes from outside are taken in.
        total_limits: The deployment's own communication limits.
        retention: How long attempts that are over stay where sends look them up; None: for ever.
        seed: What the built-in simulator draws its dispositions from.
    """

    home: Path
    ledger: str
    store: Path | Address
    outcomes: Path | Address
    wave_interval: timedelta = WAVE_INTERVAL
    pulse: timedelta = PULSE
    total_limits: tuple[Limit, ...] = ()
    retention: timedelta | None = None
    seed: int = 0


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the deployment's settings; one that says nothing sensible is refused by its name."""
    home = project_home(environment)
    return Settings(
        home=home,
        ledger=environment.get("OUTCAMP_LEDGER", ""),
        store=place_in(environment, "OUTCAMP_STORE", home / ".outcamp" / "lake"),
        outcomes=place_in(environment, "OUTCAMP_OUTCOMES", home / ".outcamp" / "outcomes"),
        wave_interval=wave_interval(environment),
        pulse=read_seconds(environment.get("OUTCAMP_PULSE"), "OUTCAMP_PULSE", PULSE),
        total_limits=read_limits(environment.get("OUTCAMP_TOTAL_LIMITS"), "OUTCAMP_TOTAL_LIMITS"),
        retention=_days(environment, "OUTCAMP_RETENTION"),
        seed=_integer(environment, "OUTCAMP_SIMULATOR_SEED", 0),
    )


def _days(environment: Mapping[str, str], name: str) -> timedelta | None:
    text = environment.get(name)
    if not text:
        return None
    with suppress(ValueError):
        duration = parse_duration(text)
        if duration >= timedelta(days=1):
            return duration
    raise UsageError(f"{name} is {text!r}, which is no duration of a day or more.", next_step="Write a whole number and a unit: 400 days.")


def _integer(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name)
    try:
        return int(text) if text else default
    except ValueError:
        raise UsageError(f"{name} is {text!r}, which is no whole number.", next_step="Write a number, or unset it.") from None
