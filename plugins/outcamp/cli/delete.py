"""``outcamp delete``: a campaign ends for good, and its manifest goes."""

from __future__ import annotations

import argparse
import json

from outcamp.cli.ledger import open_ledger
from outcamp.steps.project import project_home
from outcamp.steps.published import require_published


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument("name", metavar="NAME", help="the campaign")


def run(args: argparse.Namespace) -> int:
    """Record it in the ledger, and say what it meant."""
    from outcamp.steps.delete import delete

    home = project_home()
    manifest = require_published(home, args.name)
    with open_ledger(home) as ledger:
        people = delete(ledger, manifest, home, ledger.now())
        said = f"Deleted {args.name}: {people:,} people left it. What was sent stays on the books, and the name is never used again."
        found = {"campaign": args.name, "state": "Deleted", "exited": people}
    print(json.dumps(found, indent=2) if args.json else said)
    return 0
