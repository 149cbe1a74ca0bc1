"""The one form in which benchmarks print what they measured: what, measured, target, and whether the target was met."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Row(NamedTuple):
    """One measurement beside its target; a measurement that has no target of its own is met."""

    what: str
    measured: str
    target: str = ""
    met: bool = True


def show(title: str, rows: Iterable[Row]) -> None:
    """Print rows as an aligned table that is also a table of Markdown."""
    lines = [("what", "measured", "target", "met"), *((row.what, row.measured, row.target, met_word(row)) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    lines.insert(1, tuple("-" * width for width in widths))
    print(f"\n{title}\n")
    for line in lines:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |")


def met_word(row: Row) -> str:
    """Return what the last column says of a row."""
    if not row.target:
        return ""
    return "yes" if row.met else "NO"
