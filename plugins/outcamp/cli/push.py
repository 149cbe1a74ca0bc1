"""``outcamp push``: hand recipients to an external campaign."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Final

from outcamp.cli.instants import instant
from outcamp.cli.lake import open_lake
from outcamp.cli.ledger import open_ledger
from outcamp.cli.places import open_file
from outcamp.steps.project import project_home
from outcamp.steps.published import require_published

if TYPE_CHECKING:
    from outcamp.steps.push import Answers

_SHOWN: Final = 10  # rows of each reason


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument("name", metavar="NAME", help="the campaign")
    parser.add_argument("file", metavar="FILE", help="JSON lines, CSV or Parquet, also s3:// or gs://; docs/external.md says what is in it")
    parser.add_argument("--expires", metavar="T", help="who was not submitted by then is dropped; a row's own expires_at goes before")
    parser.add_argument("--token", default="", metavar="TEXT", help="what the push is known by; left out: by its content")


def run(args: argparse.Namespace) -> int:
    """Push the file, and say what became of its rows; 1 if any was refused."""
    from outcamp.segments.pushed_files import read
    from outcamp.steps.push import push

    home = project_home()
    manifest = require_published(home, args.name)
    expires_at = instant(args.expires, "--expires") if args.expires else None
    rows = read(open_file(args.file), manifest.campaign.endpoint_columns, expires_at)
    with open_ledger(home) as ledger:
        answers = push(ledger, open_lake(home), manifest, rows, ledger.now(), args.token)
    print(json.dumps(answers.as_dict(), indent=2, ensure_ascii=False) if args.json else _text(args.name, answers))
    return 1 if answers.refused else 0


def _text(name: str, answers: Answers) -> str:
    from outcamp.steps.push import REFUSALS

    before = " The same was pushed before; nothing has changed." if answers.known else ""
    lines = [f"{name}: {answers.accepted:,} accepted, {answers.refused.total():,} refused.{before}"]
    reasons = answers.reason.to_pylist()
    for code, words in REFUSALS.items():
        rows = [row for row, reason in enumerate(reasons, 1) if reason == code]
        if rows:
            more = ", ..." if len(rows) > _SHOWN else ""
            lines.append(f"  {len(rows):,} refused: {words} (row {', '.join(map(str, rows[:_SHOWN]))}{more})")
    return "\n".join(lines)
