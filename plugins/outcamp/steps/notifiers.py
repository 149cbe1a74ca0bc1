"""The classes of notifiers, found by their paths; what cannot be used is refused before a campaign is published."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from outcamp.core.campaign import Campaign
from outcamp.core.errors import Finding, UsageError, closest
from outcamp.core.notify import Notifier


def notifier_class(path: str) -> Callable[..., Any]:
    """Return the class of a notifier, or raise UsageError with what is wrong about its path."""
    module, _, name = path.rpartition(".")
    try:
        found = getattr(import_module(module), name, None)
    except Exception as error:  # noqa: BLE001 - a module of somebody else may fail in any way
        next_step = "Correct the path, or install the provider where campaigns are published and where they run."
        raise UsageError(f"{module} cannot be imported: {error}.", next_step=next_step) from None
    if found is None:
        near = closest(name, [word for word in vars(import_module(module)) if word[:1].isupper()])
        raise UsageError(f"{module} has no {name!r}.", next_step=f"Did you mean {near!r}?" if near else "Correct the path.")
    if not isinstance(found, type) or not callable(getattr(found, "notify", None)):
        raise UsageError(f"{path} is no notifier of Airflow.", next_step="Name a class that derives from airflow.sdk.BaseNotifier.")
    return found


def unusable_notifiers(campaign: Campaign) -> Iterator[Finding]:
    """Yield what is wrong with the notifiers that a campaign names by class; what a connection says only Airflow knows."""
    for place, one in enumerate(campaign.notify):
        if isinstance(one, Notifier):
            field = f"notify[{place}]"
            try:
                accepted = inspect.signature(notifier_class(one.notifier))
            except UsageError as error:
                yield Finding("", f"{field}.notifier", error.message, value=one.notifier, next_step=error.next_step)
                continue
            try:
                accepted.bind(**one.parameters)
            except TypeError as error:
                parameters = ", ".join(name for name, kind in accepted.parameters.items() if kind.kind is not kind.VAR_KEYWORD)
                yield Finding("", f"{field}.with", f"{one.notifier} does not take this: {error}.", next_step=f"It takes: {parameters}.")
