"""``outcamp suppress``: the do-not-contact list."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from outcamp.cli.ledger import open_ledger
from outcamp.cli.long_work import rows_shown
from outcamp.cli.places import open_file
from outcamp.core.errors import UsageError
from outcamp.steps.project import project_home

if TYPE_CHECKING:
    from outcamp.steps.suppress import Who
    from outcamp.store.ledger import Ledger

LISTED = 50
_MOST = 2**63 - 1  # that Postgres can count


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    actions = parser.add_subparsers(dest="action", metavar="add|remove|import|list", required=True)
    add = actions.add_parser("add", help="put somebody on the list")
    remove = actions.add_parser("remove", help="take somebody off it")
    bring = actions.add_parser("import", help="put a file's rows on it")
    show = actions.add_parser("list", help="count the lines, and show the newest")
    for action in (add, remove, show):
        who = action.add_mutually_exclusive_group(required=action is not show)
        who.add_argument("--recipient", metavar="ID", help="a recipient_id")
        who.add_argument("--endpoint", metavar="PHONE_OR_EMAIL", help="a phone number or an e-mail address")
        action.add_argument("--country", metavar="CC", help="where a number without + is dialled: US")
    for action in (add, remove):
        action.add_argument("--channel", help="for this channel alone (default: all)")
    add.add_argument("--reason", default="asked for it", help="why (default: %(default)s)")
    bring.add_argument("file", metavar="FILE", help="CSV or Parquet, also s3:// or gs://: recipient_id, endpoint, country, channel, reason")
    bring.add_argument("--reason", default="imported", help="for rows that give none (default: %(default)s)")
    bring.add_argument("--skip-bad", action="store_true", help="leave bad rows out instead of refusing the file")
    show.add_argument("--limit", type=int, default=LISTED, metavar="N", help="show so many lines (default: %(default)s)")
    for action in (add, remove, bring, show):
        action.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON for machines")


def run(args: argparse.Namespace) -> int:
    """Do what was asked, and say what it meant."""
    doing = {"add": _add, "remove": _remove, "import": _import, "list": _list}[args.action]
    with open_ledger(project_home()) as ledger:
        return doing(args, ledger)


def _add(args: argparse.Namespace, ledger: Ledger) -> int:
    from outcamp.steps.suppress import add

    is_new = add(ledger, _who(args), args.channel, args.reason, ledger.now())
    said = "Suppressed" if is_new else "Suppressed already"
    _say(args, {"added": is_new}, f"{said}, for {args.channel or 'every channel'}: no message goes from now on.")
    return 0


def _remove(args: argparse.Namespace, ledger: Ledger) -> int:
    from outcamp.steps.suppress import remove

    removed = remove(ledger, _who(args), args.channel)
    if not removed:
        of_channel = f" for {args.channel}" if args.channel else ""
        raise UsageError(f"Nobody like that is on the list{of_channel}.", next_step="outcamp suppress list shows the reasons and channels.")
    _say(args, {"removed": removed}, f"Lines removed: {removed:,}.")
    return 0


def _import(args: argparse.Namespace, ledger: Ledger) -> int:
    from outcamp.segments import files
    from outcamp.steps.suppress import bad_rows, import_list

    file = open_file(args.file)
    with rows_shown(file.name, "rows checked and lines written") as progress, files.unchanged(file):
        found = import_list(ledger, str(file), lambda: files.stream(file), args.reason, ledger.now, progress, skip_bad=args.skip_bad)
    said = (
        f"{args.file}: rows {found.rows:,}, new on the list {found.added:,}, on it already {found.known:,}, left out {found.bad.total():,}"
    )
    if found.bad:
        said += f"\n{bad_rows(found)}"
    _say(args, asdict(found), said)
    return 1 if found.bad else 0


def _list(args: argparse.Namespace, ledger: Ledger) -> int:
    from outcamp.store import suppressions

    who = _who(args) if (args.recipient, args.endpoint) != (None, None) else None
    with ledger.transaction() as tx:
        counts = [] if who else suppressions.counts(tx)
        lines = suppressions.newest(tx, min(max(args.limit, 0), _MOST), who.kind if who else None, who.value if who else None)
    text = [f"{one.lines:>12,}  {one.kind:<9}  {one.channel or 'every channel':<15}  {one.reason}" for one in counts]
    text += ["Newest:"] if counts and lines else []
    text += [
        f"  {one.since:%Y-%m-%d %H:%M} UTC  {one.kind:<9}  {one.key[:16]}  {one.channel or 'every channel':<15}  {one.reason}"
        for one in lines
    ]
    empty = "Not on the list." if who else "The list is empty."
    _say(args, {"counts": [asdict(one) for one in counts], "lines": [asdict(one) for one in lines]}, "\n".join(text) or empty)
    return 0


def _who(args: argparse.Namespace) -> Who:
    from outcamp.steps.suppress import Who

    return Who.of(args.recipient, args.endpoint, args.country)


def _say(args: argparse.Namespace, data: object, text: str) -> None:
    print(json.dumps(data, indent=2, default=str) if args.json else text)
