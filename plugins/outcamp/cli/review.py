"""``outcamp review``: what publishing a draft would do."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from outcamp.cli.lake import total_limits
from outcamp.cli.ledger import open_ledger
from outcamp.cli.long_work import work_shown
from outcamp.cli.segment_columns import columns_by_connection
from outcamp.core.errors import UsageError
from outcamp.core.reasons import reason_in_words
from outcamp.steps.project import project_home
from outcamp.steps.publish import frozen, refuse_used
from outcamp.steps.published import names

if TYPE_CHECKING:
    from outcamp.steps.forecast import Forecast, HourOfZone

_MOST_LINES = 24  # of hours and zones, for people


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument("name", metavar="NAME", help="the draft: dags/campaigns/NAME.yaml")


def run(args: argparse.Namespace) -> int:
    """Print what would become of the segment; 1 if nobody would be contacted, or not everybody in time."""
    from outcamp.cli.connections import open_connection
    from outcamp.cli.places import open_file
    from outcamp.segments.source import PublishedSegment
    from outcamp.steps.forecast import forecast
    from outcamp.store.campaigns import name_in

    home = project_home()
    if args.name in names(home):
        raise UsageError(f"{args.name} is published already.", next_step=f"See how far it is: outcamp status {args.name}")
    manifest = frozen(args.name, home, datetime.now(UTC), columns_by_connection(home))
    segment = PublishedSegment(manifest, lambda name: open_file(name, home, "segment.file"), lambda conn_id: open_connection(conn_id, home))
    with open_ledger(home) as ledger:
        refuse_used(manifest, home, name_in(ledger, args.name))
        with work_shown("Reading the segment and deciding who would go when"):
            found = forecast(manifest, segment, ledger, ledger.now(), total_limits())
    print(json.dumps(found.as_dict(), indent=2, default=str) if args.json else in_words(found))
    return 0 if found.is_fine else 1


def in_words(found: Forecast) -> str:
    """Return a forecast as people read it."""
    lines = [f"{found.campaign}, if it were published now: the first occurrence is at {found.at:%Y-%m-%d %H:%M} UTC.", ""]
    lines.append(f"  {'candidates':<44}{found.candidates:>12,}")
    for verdict, reason, count in found.funnel:
        lines.append(f"  {f'{verdict}: {reason}' if reason else verdict:<44}{count:>12,}")
        lines += [f"      {reason_in_words(reason)}"] if reason else []
    if found.hours:
        lines += ["", "  They may go, by hour (UTC) and time zone:"]
        lines += [f"  {one.hour:%Y-%m-%d %H:%M}  {one.zone:<26}{one.people:>12,}" for one in found.hours[:_MOST_LINES]]
        lines += _others(found.hours[_MOST_LINES:])
    if found.finishes is not None and found.finishes.at is not None:
        lines += ["", f"  At {found.pace:,.4g} messages a second the last one goes at {found.finishes.at:%Y-%m-%d %H:%M} UTC."]
    if found.finishes is not None and found.finishes.left:
        lines.append(f"  Too slow: {found.finishes.left:,} are left when it is {found.until:%Y-%m-%d %H:%M} UTC.")
    lines += ["", *(f"  Note: {note}" for note in found.notes)] if found.notes else []
    return "\n".join([*lines, "", f"  Next: outcamp publish {found.campaign}"])


def _others(hours: tuple[HourOfZone, ...]) -> list[str]:
    others = sum(one.people for one in hours)
    return [f"  {f'and {len(hours)} more lines (--json shows all)':<44}{others:>12,}"] if hours else []
