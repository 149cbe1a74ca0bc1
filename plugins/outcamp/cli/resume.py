"""``outcamp resume``: the error of a campaign is lifted, after somebody has looked."""

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
    from outcamp.steps.stop import resume

    home = project_home()
    manifest = require_published(home, args.name)
    with open_ledger(home) as ledger:
        reason = resume(ledger, manifest)
        said = f"Resumed {args.name}, which was in Error: {reason}\n  Next: the next pulse of outcamp.dispositions gives it a wave."
        found = {"campaign": args.name, "lifted": reason}
    print(json.dumps(found, indent=2) if args.json else said)
    return 0
