"""The named queries of ``include/sql/ledger``, read once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from outcamp.core.errors import Permanent

LEDGER_SQL = Path(__file__).resolve().parents[3] / "include" / "sql" / "ledger"
_MARK = "-- name: "


@cache
def queries() -> dict[str, str]:
    """Return every named query of the ledger; a name that stands twice is refused."""
    found: dict[str, str] = {}
    for path in sorted(LEDGER_SQL.glob("*.sql")):
        for block in path.read_text(encoding="utf-8").split(_MARK)[1:]:
            name, _, text = block.partition("\n")
            if name.strip() in found:
                raise Permanent(f"{path.name}: the query {name.strip()!r} stands twice in include/sql/ledger")
            found[name.strip()] = text.strip()
    return found


@cache
def migrations() -> tuple[tuple[int, str, str], ...]:
    """Return the ledger's migrations as (number, name, text), in order."""
    paths = sorted((LEDGER_SQL / "migrations").glob("*.sql"))
    return tuple((int(path.name[:4]), path.stem, path.read_text(encoding="utf-8")) for path in paths)
