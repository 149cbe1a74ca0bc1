"""The tables of docs/campaign-file.md: every setting, as the JSON Schema has it, and every disposition.

``.venv/bin/python tests/campaign_tables.py`` writes them into the document anew; tests/test_campaign_docs.py compares.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from outcamp.core.campaign_schema import campaign_schema
from outcamp.core.dispositions import DEFAULT_DEADLINE, DISPOSITIONS, NEVER_REACHED, SUPPRESSES
from outcamp.core.durations import format_duration

DOCUMENT = Path(__file__).parents[1] / "docs" / "campaign-file.md"

SCHEMA = campaign_schema()
MODELS = SCHEMA["$defs"]
BLOCKS = {channel: MODELS[block["$ref"].removeprefix("#/$defs/")] for channel, block in MODELS["ChannelBlocks"]["properties"].items()}
HEADINGS = {
    "ChannelBlocks": "channels",
    "SqlSegment": "segment by SQL",
    "FileSegment": "segment from a file",
    "Limit": "communication_limits",
    "ReattemptRule": "reattempts",
    "CommunicationTime": "communication_time",
    "Window": "active",
    "ExceptionDays": "exceptions",
    "Schedule": "schedule",
    "EntryLimits": "entry_limits",
    "Breakers": "breakers",
    "Notifier": "notify by class",
    "Abandonment": "abandonment",
}
# What a text has to look like, in the words that the document explains.
FORMS = {
    MODELS["Limit"]["properties"]["within"]["pattern"]: "duration",
    SCHEMA["properties"]["holdout"]["pattern"]: "share",
    BLOCKS["sms"]["properties"]["pace"]["anyOf"][0]["pattern"]: "pace",
    MODELS["Window"]["properties"]["days"]["anyOf"][0]["pattern"]: "days",
    MODELS["Window"]["properties"]["from"]["pattern"]: "time",
    MODELS["ExceptionDays"]["properties"]["date"]["anyOf"][0]["pattern"]: "date",
    MODELS["Schedule"]["properties"]["expires"]["anyOf"][0]["pattern"]: "date and time",
    MODELS["Schedule"]["properties"]["repeat"]["anyOf"][0]["anyOf"][1]["pattern"]: "`every 3 days`",
}
PLAIN = {"string": "text", "boolean": "`true`, `false`", "integer": "whole number", "number": "number", "object": "mapping"}


def setting_lines() -> Iterator[str]:
    """Yield the lines of the tables of settings: the campaign's own, those of its channels, and those of every mapping in it."""
    yield from _table("The campaign", SCHEMA["description"], SCHEMA["properties"], SCHEMA["required"])
    yield from [f"### {HEADINGS['ChannelBlocks']}", MODELS["ChannelBlocks"]["description"]]
    yield from [*(f"- `{channel}`: {block['description']}" for channel, block in BLOCKS.items()), ""]
    yield from ["| of the channel | setting | is | default | meaning |", "|---|---|---|---|---|"]
    for channels, name, field, required in _settings_of_channels():
        of = "every" if len(channels) == len(BLOCKS) else ", ".join(channels)
        yield f"| {of} {_row(name, field, required=required)}"
    yield ""
    for model, heading in list(HEADINGS.items())[1:]:
        yield from _table(heading, MODELS[model]["description"], MODELS[model]["properties"], MODELS[model].get("required", ()))


def disposition_lines() -> Iterator[str]:
    """Yield the lines of the table of dispositions."""
    yield from ["| channel | dispositions; those in bold stop counting | suppresses | default deadline |", "|---|---|---|---|"]
    for channel, codes in DISPOSITIONS.items():
        shown = ", ".join(f"**`{code}`**" if code in NEVER_REACHED[channel] else f"`{code}`" for code in codes)
        suppresses, deadline = _codes(code for code in codes if code in SUPPRESSES), format_duration(DEFAULT_DEADLINE[channel])
        yield f"| `{channel}` | {shown} | {suppresses} | {deadline} |"


TABLES: dict[str, Callable[[], Iterator[str]]] = {"dispositions": disposition_lines, "settings": setting_lines}


def _settings_of_channels() -> Iterator[tuple[list[str], str, dict[str, Any], bool]]:
    """Yield each setting of the blocks once, with the channels that have it in the same words."""
    seen = set[tuple[str, str]]()
    for channel, block in BLOCKS.items():
        for name, field in block["properties"].items():
            same = [one for one in BLOCKS if _but_for_default(BLOCKS[one]["properties"].get(name, {})) == _but_for_default(field)]
            if (channel, name) not in seen:
                yield same, name, _with_defaults(same, name), name in block.get("required", ())
            seen |= {(one, name) for one in same}


def _but_for_default(field: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in field.items() if key != "default"}


def _with_defaults(channels: list[str], name: str) -> dict[str, Any]:
    """Return a setting of several channels; where its default differs, it is that of each."""
    fields = [BLOCKS[channel]["properties"][name] for channel in channels]
    defaults = list(dict.fromkeys(field.get("default") for field in fields if not isinstance(field.get("default"), list)))
    return fields[0] if len(defaults) < 2 else fields[0] | {"default": defaults}


def _table(heading: str, says: str, fields: dict[str, Any], required: Iterable[str]) -> Iterator[str]:
    yield from [f"### {heading}", says.replace("``", "`"), "", "| setting | is | default | meaning |", "|---|---|---|---|"]
    for name, field in sorted(fields.items(), key=lambda pair: pair[0] not in required):
        yield _row(name, field, required=name in required)
    yield ""


def _row(name: str, field: dict[str, Any], *, required: bool) -> str:
    default = "required" if required else _default(field.get("default"))
    return f"| `{name}` | {_kind(field)} | {default} | {field.get('description', '')} |"


def _default(value: object) -> str:
    if isinstance(value, list):
        return _codes(value)
    return "" if value in {None, ""} else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _kind(field: dict[str, Any]) -> str:
    """Return in a few words what stands behind a setting."""
    several = [one for one in [*field.get("anyOf", ()), *field.get("oneOf", ())] if one.get("type") != "null"]
    if several:
        return " or ".join(dict.fromkeys(map(_kind, several)))
    if "$ref" in field:
        model = field["$ref"].removeprefix("#/$defs/")
        heading = HEADINGS.get(model)
        return f"[{heading}](#{anchor(heading)})" if heading else {"Channel": "channel", "ExternalSegment": "`external`"}[model]
    if "enum" in field:
        return "dispositions" if "no_outcome" in field["enum"] else _codes(field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if field.get("type") == "array":
        return f"list: {_kind(field['items'])}"
    bounds = f", {field['minimum']} to {field['maximum']:,}" if field.get("type") == "integer" else ""
    return FORMS.get(field.get("pattern", ""), PLAIN[field["type"]]) + bounds


def _codes(codes: Iterable[str]) -> str:
    return ", ".join(f"`{code}`" for code in codes)


def anchor(heading: str) -> str:
    """Return the anchor that a heading has on a page."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def marked(text: str, name: str) -> tuple[str, list[str], str]:
    """Return what stands before the lines between the marks of this name, these lines, and what stands behind."""
    before, start, rest = text.partition(f"<!-- {name} -->\n")
    shown, end, after = rest.partition(f"<!-- /{name} -->")
    return before + start, shown.splitlines(), end + after


def write_tables() -> None:
    """Write the tables into the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    for name, lines in TABLES.items():
        before, _, after = marked(text, name)
        text = before + "".join(f"{line}\n" for line in lines()) + after
    DOCUMENT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_tables()
