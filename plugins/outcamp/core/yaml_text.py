"""YAML 1.2 as campaign files use it: plain data, and the line of everything in it.

PyYAML splits the text into nodes; what a node means is decided here, by the core schema of YAML 1.2. In PyYAML's own reading, which is
YAML 1.1, ``on`` and ``no`` are booleans and ``18:00`` is the number 1080.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from yaml.composer import Composer
from yaml.error import Mark, MarkedYAMLError
from yaml.nodes import MappingNode, Node, ScalarNode
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

LONGEST: Final = 200_000  # characters
DEEPEST: Final = 30  # levels of lists and mappings
MOST_VALUES: Final = 20_000  # with every alias counted as what it stands for

_TAG: Final = "tag:yaml.org,2002:"
_MOST_DIGITS: Final = 18
# YAML 1.1, and with it PyYAML, ends a line at these; YAML 1.2 and most editors do not. What a comment holds would become a setting.
_OLD_BREAK: Final = re.compile("[\x85\u2028\u2029]")
_BREAK: Final = re.compile("\r\n|\r|\n")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


@dataclass
class YamlProblem(Exception):
    """Why a text cannot be read, and where."""

    problem: str
    line: int | None = None
    field_path: str = ""
    next_step: str = ""


@dataclass(frozen=True)
class PlainYaml:
    """The data of a YAML text, and the line on which each field of it stands."""

    data: Any
    lines: dict[str, int] = field(default_factory=dict)


def read_yaml(text: str) -> PlainYaml:
    """Return the plain data of a YAML text with one document; raise YamlProblem where it cannot be read without doubt."""
    if len(text) > LONGEST:
        raise YamlProblem(
            f"The file has {len(text):,} characters; {LONGEST:,} is the most.", next_step="Move long texts into include/templates/."
        )
    old = _OLD_BREAK.search(text)
    if old is not None:
        next_step = r"Remove it; inside double quotes write \N, \L or \P for U+0085, U+2028 or U+2029."
        raise YamlProblem(
            f"The character U+{ord(old[0]):04X} ends a line for some readers and not for others.",
            _line_at(text, old.start()),
            "",
            next_step,
        )
    composer = None
    try:
        composer = _Composer(text)
        node = composer.get_single_node()
    except MarkedYAMLError as error:
        raise _unreadable(error) from None
    except ReaderError as error:
        shown, line = repr(chr(error.character)), _line_at(text, error.position)
        raise YamlProblem(f"The character {shown} is not allowed in YAML.", line=line, next_step="Remove it.") from None
    except (ValueError, OverflowError):  # chr() of what stands after \U
        problem = "A \\U escape names no character: the last one is \\U0010FFFF."
        raise YamlProblem(problem, line=composer.line + 1 if composer else None, next_step="Correct or remove the escape.") from None
    if node is None:
        raise YamlProblem("The file is empty.", next_step="Begin with name: and segment:, as in dags/campaigns/spring-renewal.yaml.")
    reader = _PlainReader()
    return PlainYaml(reader.read(node, ""), reader.lines)


def field_of(parent: str, key: str | int) -> str:
    """Return the path of a field below another: ``communication_limits[1].within``."""
    if isinstance(key, int):
        return f"{parent}[{key}]"
    return f"{parent}.{key}" if parent else key


class _CoreSchema(BaseResolver):
    """What an unquoted text means in YAML 1.2's core schema."""


for _name, _pattern in {
    "null": "null|Null|NULL|~|",
    "bool": "true|True|TRUE|false|False|FALSE",
    "int": "[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+",
    "float": r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
}.items():
    _CoreSchema.add_implicit_resolver(_TAG + _name, re.compile(f"^(?:{_pattern})$"), None)
_CoreSchema.yaml_implicit_resolvers[""] = _CoreSchema.yaml_implicit_resolvers[None]


class _Composer(Reader, Scanner, Parser, Composer, _CoreSchema):
    """Text to nodes, as deep as a campaign file may be."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        _CoreSchema.__init__(self)
        self._depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        line = event.start_mark.line + 1
        self._depth += 1
        if self._depth > DEEPEST:
            problem = f"Lists and mappings are nested more than {DEEPEST} levels deep."
            raise YamlProblem(problem, line=line, next_step="No setting of a campaign needs that; look for a stray bracket.")
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise YamlProblem(f"The tag {tag.replace(_TAG, '!!')} is not used in campaign files.", line=line, next_step="Remove it.")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _PlainReader:
    """Nodes to plain data; remembers the line of every field."""

    def __init__(self) -> None:
        self.lines: dict[str, int] = {}
        self._values = 0
        self._around: list[Node] = []

    def read(self, node: Node, path: str) -> Any:
        self._values += 1
        line = _line(node.start_mark)
        self.lines.setdefault(path, line)
        if node in self._around:
            raise YamlProblem("An alias (*name) stands inside of what it stands for.", line, next_step="Write the settings out.")
        # An alias may hold aliases of aliases: a short text then stands for more than any memory holds.
        if self._values > MOST_VALUES:
            raise YamlProblem(
                f"The file holds more than {MOST_VALUES:,} values, its aliases (*name) written out.", line, next_step="Use no aliases."
            )
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        self._around.append(node)
        read: dict[str, Any] | list[Any]
        if isinstance(node, MappingNode):
            read = {key: self.read(value, field_of(path, key)) for key, value in self._entries(node, path)}
        else:
            read = [self.read(value, field_of(path, index)) for index, value in enumerate(node.value)]
        self._around.pop()
        return read

    def _entries(self, node: MappingNode, path: str) -> Iterator[tuple[str, Node]]:
        first_lines: dict[str, int] = {}
        for key_node, value in node.value:
            line = _line(key_node.start_mark)
            if not isinstance(key_node, ScalarNode):
                raise YamlProblem("A key is a list or a mapping.", line, path, "Use a name; a text that begins with { or [ needs quotes.")
            key = self._scalar(key_node, path)
            if not isinstance(key, str):
                raise YamlProblem(f"The key {key_node.value!r} is not text.", line, path, "Put it in quotes if it is meant.")
            if key == "<<":
                raise YamlProblem("Merge keys (<<) are not part of YAML 1.2.", line, path, "Write the settings out.")
            if key in first_lines:
                problem = f"The key {key!r} is given twice, on line {first_lines[key]} and on line {line}."
                raise YamlProblem(problem, line, field_of(path, key), "Remove one of them.")
            first_lines[key] = line
            self.lines[field_of(path, key)] = line
            yield key, value

    def _scalar(self, node: ScalarNode, path: str) -> str | int | float | bool | None:
        text: str = node.value
        kind = node.tag.removeprefix(_TAG)
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        if kind in {"int", "float"}:
            if len(text) > _MOST_DIGITS:
                raise YamlProblem(
                    f"The number {text[:30]!r} is too long.", _line(node.start_mark), path, "Put it in quotes if it is a text."
                )
            return _number(text, kind)
        try:
            return _storable(text)
        except ValueError:
            problem = "The text holds a character that cannot be stored."
            raise YamlProblem(problem, _line(node.start_mark), path, "Remove the \\0 or \\ud... escape.") from None


def _storable(text: str) -> str:
    """Return the text with its pairs of surrogate escapes joined, as JSON writes them; raise ValueError for what nobody can store."""
    if "\0" in text:
        raise ValueError
    return text.encode("utf-16", "surrogatepass").decode("utf-16") if _SURROGATE.search(text) else text


def _number(text: str, kind: str) -> int | float:
    if kind == "int":
        return int(text, 0) if text[:2] in {"0o", "0x"} else int(text)
    return float(text.replace(".", "", 1) if text.lower().endswith(("inf", "nan")) else text)


def _line_at(text: str, position: int) -> int:
    return len(_BREAK.findall(text, 0, position)) + 1


def _line(mark: Mark) -> int:
    line: int = mark.line + 1
    return line


def _unreadable(error: MarkedYAMLError) -> YamlProblem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
    if error.context == "expected a single document in the stream":
        return YamlProblem("The file holds a second document.", line, next_step="Keep one campaign in each file; remove the --- line.")
    what = ", ".join(part for part in (error.context, error.problem) if part)
    return YamlProblem(
        f"The file is not readable YAML: {what} (column {column}).",
        line,
        next_step="Look for a missing quote, colon or space on or above this line.",
    )
