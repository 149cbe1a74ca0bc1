"""``outcamp ingest``: take in what became of attempts, from files."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from outcamp.cli.ledger import open_ledger
from outcamp.cli.long_work import rows_shown
from outcamp.cli.places import open_file
from outcamp.core.errors import DataError
from outcamp.steps.project import project_home
from outcamp.steps.published import manifests_of

if TYPE_CHECKING:
    from outcamp.steps.outcome_files import TakenIn


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="JSON lines, CSV or Parquet, also s3:// or gs://; docs/outcomes.md says what is in it"
    )


def run(args: argparse.Namespace) -> int:
    """Take in one file after the other, and say what became of their outcomes; 1 if any was kept aside, or a file refused."""
    from outcamp.steps.outcome_files import take_in_file

    home = project_home()
    manifests = manifests_of(home)
    found: dict[str, TakenIn | DataError] = {}
    with open_ledger(home) as ledger:
        for name in args.files:
            try:
                file = open_file(name)
                with rows_shown(file.name, "outcomes taken in") as progress:
                    found[name] = take_in_file(ledger, manifests, file, ledger.now, progress)
            except DataError as refusal:  # the files beside it are taken in all the same
                found[name] = refusal
            if not args.json:
                print(_text(name, found[name]), flush=True)
    if args.json:
        data = {name: file.attrs() if isinstance(file, DataError) else file.as_dict() for name, file in found.items()}
        print(json.dumps(data, indent=2, ensure_ascii=False))
    return 1 if any(isinstance(file, DataError) or file.aside for file in found.values()) else 0


def _text(name: str, file: TakenIn | DataError) -> str:
    if isinstance(file, DataError):
        return f"Refused: {file}"
    lines = [
        f"{name}: {file.taken:,} taken in, {file.known:,} known before; {file.reattempts:,} reattempts and {file.exits:,} exits follow"
    ]
    said = file.as_dict()["aside"]
    if file.suppressed:
        lines.append(f"  {file.suppressed:,} lines are new on the do-not-contact list")
    lines += [f"  {count:,} kept aside: {reason}" for reason, count in said.items()]
    if said:
        lines.append("  They are in the ledger's table events_not_matched. Correct the file and take it in again: what was taken in stays.")
    return "\n".join(lines)
