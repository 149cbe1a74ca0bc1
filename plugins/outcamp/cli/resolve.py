"""``outcamp resolve``: the attempts whose submission is unknown, and what was found out about them."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from outcamp.cli.home import project_home
from outcamp.cli.ledger import open_ledger
from outcamp.core.errors import UsageError
from outcamp.steps.published import require_published


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument("name", metavar="NAME", help="the campaign")
    parser.add_argument("recipients", metavar="RECIPIENT", nargs="*", help="whose attempts in doubt are settled; left out, all are listed")
    parser.add_argument("--as", dest="disposition", metavar="DISPOSITION", help="what became of them")


def run(args: argparse.Namespace) -> int:
    """List the attempts in doubt (1 if there are any), or write down what became of some."""
    from outcamp.steps.resolve import doubts, resolve

    home = project_home()
    require_published(home, args.name)
    if bool(args.recipients) != bool(args.disposition):
        raise UsageError("RECIPIENT and --as go together.", next_step=f"outcamp resolve {args.name} RECIPIENT --as delivered")
    with open_ledger(home) as ledger:
        if args.recipients:
            count = resolve(ledger, args.name, args.recipients, args.disposition)
            said = {"campaign": args.name, "disposition": args.disposition, "attempts": count}
            print(json.dumps(said, indent=2) if args.json else f"{count:,} attempts are {args.disposition} now. Nothing is sent again.")
            return 0
        found = doubts(ledger, args.name)
    if args.json:
        print(json.dumps([asdict(one) for one in found], indent=2, default=str))
    else:
        for one in found:
            sent = f"{one.submitted_at:%Y-%m-%d %H:%M:%S} UTC"
            print(f"{one.recipient_id}  occurrence {one.occurrence}, attempt {one.attempt}, {one.channel}, submitted {sent}")
        next_step = f"What became of them: outcamp resolve {args.name} RECIPIENT --as DISPOSITION"
        print(next_step if found else f"{args.name} has no attempt in doubt.")
    return 1 if found else 0
