"""``outcamp resolve``: the attempts whose submission is unknown, and what was found out about them."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from outcamp.cli.ledger import open_ledger
from outcamp.cli.places import open_file
from outcamp.core.errors import UsageError
from outcamp.steps.project import project_home
from outcamp.steps.published import require_published


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument("name", metavar="NAME", help="the campaign")
    parser.add_argument("recipients", metavar="RECIPIENT", nargs="*", help="whose attempts in doubt are settled; left out, all are listed")
    parser.add_argument("--as", dest="disposition", metavar="DISPOSITION", help="what became of them")
    parser.add_argument(
        "--file",
        metavar="FILE",
        help="what became of whom: JSON lines, CSV or Parquet with recipient_id, attempt, disposition, and occurrence; also s3:// or gs://",
    )


def run(args: argparse.Namespace) -> int:
    """List the attempts in doubt (1 if there are any), or write down what became of some."""
    from outcamp.segments import finding_files
    from outcamp.steps.resolve import findings_of, resolve

    home = project_home()
    require_published(home, args.name)
    if bool(args.recipients) != bool(args.disposition) or (args.recipients and args.file):
        next_step = f"outcamp resolve {args.name} RECIPIENT --as delivered, or outcamp resolve {args.name} --file FILE"
        raise UsageError("RECIPIENT and --as go together, and --file alone.", next_step=next_step)
    if not args.recipients and not args.file:
        return _list(args)
    findings = finding_files.read(open_file(args.file, what="--file")) if args.file else findings_of(args.recipients, args.disposition)
    with open_ledger(home) as ledger:
        count = resolve(ledger, args.name, findings, ledger.now())
    said = {"campaign": args.name, "attempts": count}
    print(json.dumps(said, indent=2) if args.json else f"{count:,} attempts are no longer in doubt. Nothing is sent again.")
    return 0


def _list(args: argparse.Namespace) -> int:
    from outcamp.steps.resolve import doubts

    with open_ledger(project_home()) as ledger:
        found = doubts(ledger, args.name)
    if args.json:
        print(json.dumps([asdict(one) for one in found], indent=2, default=str))
        return 1 if found else 0
    for one in found:
        sent = f"{one.submitted_at:%Y-%m-%d %H:%M:%S} UTC"
        print(f"{one.recipient_id}  occurrence {one.occurrence}, attempt {one.attempt}, {one.channel}, submitted {sent}")
    next_step = f"What became of them: outcamp resolve {args.name} RECIPIENT --as DISPOSITION, or --file FILE"
    print(next_step if found else f"{args.name} has no attempt in doubt.")
    return 1 if found else 0
