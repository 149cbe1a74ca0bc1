"""A campaign file as it was read: its data, and findings that know their line."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from outcamp.core.errors import CampaignFileError, Finding
from outcamp.core.yaml_text import YamlProblem, read_yaml


@dataclasses.dataclass(frozen=True)
class Document:
    """The plain data of a campaign file, and the line of each of its fields."""

    file: str
    data: Mapping[str, Any]
    lines: Mapping[str, int]

    def line_of(self, field: str) -> int | None:
        """Return the line of a field; of the nearest one around it where the file does not have it."""
        while field and field not in self.lines:
            field = field[: max(field.rfind("."), field.rfind("["), 0)]
        return self.lines.get(field)

    def located(self, findings: Iterable[Finding]) -> list[Finding]:
        """Return the findings with this file's name and the line of their fields, in the order of the file."""
        placed = [dataclasses.replace(finding, file=self.file, line=self.line_of(finding.field)) for finding in findings]
        return sorted(placed, key=lambda finding: finding.line or 0)


def read_document(text: str, file: str) -> Document:
    """Return the data of a campaign file, or raise CampaignFileError with the finding that makes it unreadable.

    Args:
        text: What the file holds.
        file: How findings name the file.
    """
    try:
        plain = read_yaml(text)
    except YamlProblem as error:
        finding = Finding(file, error.field_path, error.problem, line=error.line, next_step=error.next_step)
        raise CampaignFileError([finding]) from None
    if not isinstance(plain.data, dict):
        problem = "The file does not hold the settings of a campaign."
        raise CampaignFileError([Finding(file, "", problem, line=1, next_step="Begin with name: and segment:, each on a line of its own.")])
    return Document(file, plain.data, plain.lines)
