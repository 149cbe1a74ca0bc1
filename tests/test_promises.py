"""docs/promises.md: each promise names tests that exist, and the checks of the audit are those of the command."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from outcamp.steps.audit import CHECKS

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")


def table_under(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its two lines of heading."""
    rows = re.search(r"((?:^\|.+\n)+)", TEXT[TEXT.index(f"## {heading}\n") :], re.MULTILINE).group(1).splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def names_in(path: Path) -> set[str]:
    """The names of the tests of a file."""
    return {node.name for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.FunctionDef)}


def test_every_promise_names_tests_that_exist() -> None:
    """A test that is renamed or removed is missed here."""
    missing = []
    for promise, _, held_by in table_under("Promised"):
        named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", held_by)
        assert named, promise
        missing += [f"{path}::{test}" for path, test in named if not (ROOT / path).exists() or (test and test not in names_in(ROOT / path))]
    assert [] == missing


def test_the_checks_of_the_audit_are_listed() -> None:
    """Names and sentences are those that the command prints, in its order."""
    assert [[f"`{name}`", sentence] for name, sentence in CHECKS.items()] == table_under("How to look")
