"""``outcamp preview``: the message that a recipient would get."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from outcamp.cli.lake import open_lake
from outcamp.cli.ledger import open_ledger
from outcamp.cli.places import open_file
from outcamp.cli.segment_columns import columns_by_connection
from outcamp.steps.project import project_home
from outcamp.steps.publish import frozen
from outcamp.steps.published import names

if TYPE_CHECKING:
    import pyarrow as pa

    from outcamp.core.manifest import Manifest
    from outcamp.steps.preview import ChannelMessage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument("name", metavar="NAME", help="the campaign, published or a draft")
    parser.add_argument("recipient", type=str.strip, metavar="RECIPIENT", help="the recipient_id")


def run(args: argparse.Namespace) -> int:
    """Print the message of each channel; 1 if one of them could not go."""
    from outcamp.steps.preview import preview

    home = project_home()
    manifest = frozen(args.name, home, datetime.now(UTC), columns_by_connection(home))
    found = preview(manifest, *_row(home, manifest, args.recipient))
    if args.json:
        print(json.dumps(found.as_dict(), indent=2, ensure_ascii=False))
    else:
        print(f"{found.recipient_id} in {found.campaign}, by {found.source}")
        for one in found.channels:
            print(in_words(one))
    return 0 if found.whole else 1


def in_words(one: ChannelMessage) -> str:
    """Return a channel's message as people read it."""
    lines = [f"{one.channel} to {one.endpoint or 'nobody'}, by {one.transport}"]
    for part, text in one.texts.items():
        lines.append(f"  {part}:")
        lines += [f"    {line}" for line in text.splitlines()]
    lines += [f"  ({one.length})"] if one.length else []
    lines += [f"  {part} cannot be made: {why}" for part, why in one.problems.items()]
    return "\n".join(lines)


def _row(home: Path, manifest: Manifest, recipient_id: str) -> tuple[pa.Table, str]:
    """Return the recipient's columns and their source: the newest snapshot, or the segment itself where none holds them."""
    from outcamp.cli.connections import open_connection
    from outcamp.segments.source import PublishedSegment
    from outcamp.steps.preview import row_of_segment, row_of_snapshot

    campaign = manifest.campaign.name
    if campaign in names(home):  # a draft has no snapshot, and needs no ledger
        with open_ledger(home) as ledger:
            found = row_of_snapshot(ledger, open_lake(home), manifest, recipient_id)
        if found is not None:
            return found
    segment = PublishedSegment(manifest, lambda name: open_file(name, home, "segment.file"), lambda conn_id: open_connection(conn_id, home))
    return row_of_segment(segment, campaign, recipient_id), "the segment as it is now"
