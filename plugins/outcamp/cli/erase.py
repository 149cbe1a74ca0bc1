"""``outcamp erase``: a person leaves the books for good, and stays on the do-not-contact list."""

from __future__ import annotations

import argparse
import json
import sys

from outcamp.cli.lake import open_lake
from outcamp.cli.ledger import open_ledger
from outcamp.cli.long_work import work_shown
from outcamp.core.errors import UsageError
from outcamp.steps.project import project_home
from outcamp.steps.published import bad_manifests, names, read_published


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument("recipient", type=str.strip, metavar="RECIPIENT", help="the recipient_id")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(args: argparse.Namespace) -> int:
    """Ask on a terminal, do it, and say what it meant."""
    from outcamp.steps.erase import erase

    if not args.recipient.strip():
        raise UsageError("The recipient_id is empty.", next_step="Write the id as the segment has it.")
    home = project_home()
    bad = bad_manifests(home)
    if bad:  # it would not be known in which columns the person's numbers stand
        raise bad[0]
    if sys.stdin.isatty() and not args.yes and input(f"Erase {args.recipient!r} for good? [y/N] ").strip().lower() not in {"y", "yes"}:
        raise UsageError("Nothing was erased.", next_step="Answer y, or call it with --yes.")
    manifests = {name: read_published(home, name) for name in names(home)}
    with open_ledger(home) as ledger, work_shown("Looking through all files and books"):
        found = erase(ledger, open_lake(home), args.recipient, ledger.now(), manifests)
    said = (
        f"Erased {args.recipient}: campaigns {found.campaigns:,}, files {found.files:,}, attempts {found.attempts:,}.\n"
        f"  They stay on the do-not-contact list as hashes: their id, and endpoints {found.endpoints:,}.\n"
        "  Next: remove their row where your segments come from."
    )
    print(json.dumps(found.as_dict(), indent=2) if args.json else said)
    return 0
