"""``outcamp explain``: one recipient's story in a campaign, in words."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from outcamp.cli.lake import open_lake, total_limits
from outcamp.cli.ledger import open_ledger
from outcamp.steps.project import project_home
from outcamp.steps.published import require_published

if TYPE_CHECKING:
    from outcamp.steps.explain import Story


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument("name", metavar="NAME", help="the campaign")
    parser.add_argument("recipient", type=str.strip, metavar="RECIPIENT", help="the recipient_id")


def run(args: argparse.Namespace) -> int:
    """Print the story."""
    from outcamp.steps.explain import explain

    home = project_home()
    manifest = require_published(home, args.name)
    with open_ledger(home) as ledger:
        story = explain(ledger, open_lake(home), manifest, args.recipient, ledger.now(), total_limits())
    print(json.dumps(story.as_dict(), indent=2, ensure_ascii=False, default=str) if args.json else _text(story))
    return 0


def _text(story: Story) -> str:
    lines = [f"{story.recipient_id} in {story.campaign}: {story.summary}"]
    occurrence = None
    for event in story.events:
        if event.occurrence != occurrence:
            occurrence = event.occurrence
            lines.append(f"Occurrence {occurrence}")
        lines.append(f"  {event.at:%Y-%m-%d %H:%M:%S} UTC  {event.text}")
    lines += ["Still to come", *(f"  {line}" for line in story.due)] if story.due else []
    return "\n".join(lines)
