"""From a campaign file to the campaign, or to everything that is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from pydantic import ValidationError

from outcamp.core.campaign import Campaign
from outcamp.core.campaign_schema import words_at
from outcamp.core.document import Document
from outcamp.core.durations import format_duration
from outcamp.core.errors import CampaignFileError, Finding, closest
from outcamp.core.problems import KIND
from outcamp.core.segment import EXTERNAL
from outcamp.core.yaml_text import field_of

# What pydantic calls the kinds of value, in the words of the file.
_EXPECTED: Final = {
    "string_type": ("Text is expected.", "Put it in quotes."),
    "int_type": ("A whole number is expected.", "Write a whole number without quotes."),
    "int_from_float": ("A whole number is expected.", "Write a whole number without quotes."),
    "float_type": ("A number is expected.", "Write a number without quotes."),
    "bool_type": ("true or false is expected.", "Write true or false, without quotes."),
    "tuple_type": ("A list is expected.", "Write [one, two], or each item on a line of its own after a dash."),
    "model_type": ("A mapping is expected.", "Write {key: value}, or each key on an indented line of its own."),
    "dict_type": ("A mapping is expected.", "Write {key: value}, or each key on an indented line of its own."),
    "mapping_type": ("A mapping is expected.", "Write {key: value}, or each key on an indented line of its own."),
    "string_too_short": ("The text is empty.", "Write something, or leave the setting out."),
    "too_short": ("The list is empty.", "Write at least one item, or leave the setting out."),
    "segment": ("A segment is {sql: ...}, {file: ...} or external.", "Choose one of them."),
    "notify": ("A connection's name, or {notifier: ..., with: {...}} is expected.", "Write one of them."),
    "string_pattern_mismatch": ("This is not the path of a class.", "Write it as package.module.TheClass."),
    "finite_number": ("A finite number is expected.", "Write a number."),
}
_BOUNDS: Final = {
    "greater_than": ("gt", "greater than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}
# An error that only says that there was another one.
_FOLLOWS: Final = "default_factory_not_called"
_WORDS: Final = frozenset({"literal_error", "enum"})
_SEGMENT_KINDS: Final = frozenset({"sql", "file", "external"})


def campaign_of(document: Document) -> Campaign:
    """Return the campaign that a document describes, or raise CampaignFileError with everything that is wrong with it."""
    try:
        # Strict JSON takes lists for tuples and texts for dates, and never "6" for 6 or "yes" for true.
        return Campaign.model_validate_json(json.dumps(document.data), strict=True, by_alias=True, by_name=False)
    except ValidationError as error:
        findings = [_finding(line, document) for line in error.errors(include_url=False) if line["type"] != _FOLLOWS]
        raise CampaignFileError(document.located(findings)) from None


def _finding(error: Mapping[str, Any], document: Document) -> Finding:
    path = _file_path(error["loc"])
    field = ""
    for key in path:
        field = field_of(field, key)
    value = _value_at(document.data, path)
    problem, near, next_step = _wording(error, path, document.data)
    return Finding("", field, problem, value=None if value is None else _shown(value), closest=near, next_step=next_step)


def _wording(error: Mapping[str, Any], path: Sequence[str | int], data: object) -> tuple[str, str | None, str]:
    """Return the problem, the closest match and the next step of one of pydantic's errors."""
    kind, context, value = error["type"], error.get("ctx", {}), _value_at(data, path)
    if kind == KIND:
        return context["problem"], context["closest"], context["next_step"]
    if kind == "missing":
        return f"{path[-1]} is missing.", None, "Add it."
    if kind == "extra_forbidden":
        known = words_at(path[:-1], _value_at(data, path[:-1]))
        return f"{path[-1]!r} is not a setting here.", closest(str(path[-1]), known), f"The settings here are: {', '.join(known)}."
    if kind in _WORDS:
        words = words_at(path)
        near = closest(value, words) if isinstance(value, str) else None
        return f"{_shown(value)} is not one of the values of this setting.", near, f"Use one of: {', '.join(words)}."
    if kind in _BOUNDS:
        name, words_of_bound = _BOUNDS[kind]
        return f"{_shown(value)} is not {words_of_bound} {_bound(context[name], value)}.", None, "Choose another value."
    if kind in _EXPECTED:
        problem, next_step = _EXPECTED[kind]
        return problem, closest(value, [EXTERNAL]) if kind == "segment" and isinstance(value, str) else None, next_step
    return f"{error['msg'].rstrip('.')}.", None, "See include/schema/campaign.schema.json for the form of each setting."


def _bound(bound: object, value: object) -> str:
    if isinstance(value, str) and isinstance(bound, float | int) and value.rstrip().endswith("%"):
        return f"{bound * 100:g}%"
    if isinstance(bound, timedelta):
        return format_duration(bound)
    return f"{bound:g}" if isinstance(bound, float) else str(bound)


def _file_path(loc: Sequence[str | int]) -> tuple[str | int, ...]:
    """Return the place in the file: pydantic also names the kind of a segment, or of a notifier, which is no key of the file."""
    if len(loc) > 1 and loc[0] == "segment" and loc[1] in _SEGMENT_KINDS:
        return (loc[0], *loc[2:])
    return (*loc[:2], *loc[3:]) if loc[:1] == ("notify",) else tuple(loc)


def _value_at(data: Any, path: Sequence[str | int]) -> Any:
    for key in path:
        inside = (key in data) if isinstance(data, dict) else (isinstance(data, list) and isinstance(key, int) and key < len(data))
        if not inside:
            return None
        data = data[key]
    return data


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."
