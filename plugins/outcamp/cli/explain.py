"""``outcamp explain``: one recipient's story in a campaign, in words."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from outcamp.cli.home import project_home
from outcamp.cli.lake import open_lake, total_limits
from outcamp.cli.ledger import open_ledger
from outcamp.core.errors import UsageError, closest
from outcamp.steps.project import Project
from outcamp.steps.published import names, read_published

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
    _check_name(home, args.name)
    manifest = read_published(home, args.name)
    with open_ledger(home) as ledger:
        story = explain(ledger, open_lake(home), manifest, args.recipient, ledger.now(), total_limits())
    print(json.dumps(story.as_dict(), indent=2, ensure_ascii=False, default=str) if args.json else _text(story))
    return 0


def _check_name(home: Path, name: str) -> None:
    """Refuse what is not published: a draft has considered nobody, and a name that is not there has a nearest one."""
    published = names(home)
    if name in published:
        return
    drafts = [path.stem for path in Project(home).drafts.glob("*.y*ml")]
    if name in drafts:
        raise UsageError(f"The campaign {name!r} is a draft: it has considered nobody yet.", next_step=f"outcamp publish {name} starts it.")
    near = closest(name, [*published, *drafts])
    next_step = f"Did you mean {near!r}?" if near else "outcamp status lists the campaigns."
    raise UsageError(f"No campaign {name!r} is published.", next_step=next_step)


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
