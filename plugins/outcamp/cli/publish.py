"""``outcamp publish``: a draft becomes its manifest."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from functools import partial

from outcamp.cli.ledger import known_name
from outcamp.cli.segment_columns import columns_by_connection
from outcamp.steps.project import Project, project_home
from outcamp.steps.publish import publish


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument("name", metavar="NAME", help="the campaign: dags/campaigns/NAME.yaml")


def run(args: argparse.Namespace) -> int:
    """Publish the campaign and say where its manifest lies."""
    home = project_home()
    now = datetime.now(UTC)
    manifest = Project(home).shown(publish(args.name, home, now, columns_by_connection(home), partial(known_name, home)))
    if args.json:
        print(json.dumps({"campaign": args.name, "manifest": manifest, "published_at": now.isoformat()}, indent=2))
    else:
        print(f"Published {args.name}: {manifest}\n  Next: commit the manifest; the campaign runs once Airflow has it.")
    return 0
