"""``outcamp audit``: the promise, checked against the ledger and the lake."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from outcamp.cli.lake import open_lake, total_limits
from outcamp.cli.ledger import open_ledger
from outcamp.cli.long_work import work_shown
from outcamp.core.errors import ManifestError
from outcamp.steps.project import project_home
from outcamp.steps.published import names, no_such_campaign, read_published

if TYPE_CHECKING:
    from outcamp.core.manifest import Manifest
    from outcamp.steps.audit import Audit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument("name", metavar="NAME", nargs="?", help="one campaign; left out, all of them")


def run(args: argparse.Namespace) -> int:
    """Print what breaks the promise; 1 if anything does."""
    from outcamp.steps.audit import audit
    from outcamp.store import status

    home = project_home()
    with open_ledger(home) as ledger:
        now = ledger.now()
        with ledger.transaction() as tx:
            ran = status.facts(tx, now)
        if args.name and args.name not in {*ran, *names(home)}:
            raise no_such_campaign(args.name, {*ran, *names(home)})
        with work_shown("Auditing the books and the files"):
            found = audit(ledger, open_lake(home), _manifests(home), now, total_limits(), args.name)
    print(json.dumps(found.as_dict(), indent=2, ensure_ascii=False) if args.json else _text(found))
    return 1 if found.breaches else 0


def _manifests(home: Path) -> dict[str, Manifest | str]:
    """Return the published manifests by name; the error's text where one cannot be used."""
    found: dict[str, Manifest | str] = {}
    for name in names(home):
        try:
            found[name] = read_published(home, name)
        except ManifestError as error:
            found[name] = error.message
    return found


def _text(found: Audit) -> str:
    from outcamp.steps.audit import CHECKS

    looked = f"{_many(found.campaigns, 'campaign')}, {_many(found.waves, 'wave')}, {_many(len(CHECKS), 'check')}"
    lines = []
    for breach in found.breaches:
        lines.append(f"{breach.campaign}: not true that {CHECKS[breach.check]} ({breach.check}, {_many(breach.count, 'row')})")
        lines += [f"  {row}" for row in breach.rows]
        lines += [f"  and {breach.count - len(breach.rows):,} more"] if breach.count > len(breach.rows) else []
    return "\n".join([*lines, f"{looked}: {'the promise holds.' if not lines else 'THE PROMISE IS BROKEN.'}"])


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
