"""``outcamp validate``: everything that is wrong with campaign files."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from outcamp.cli.segment_columns import columns_by_connection
from outcamp.steps.project import project_home
from outcamp.steps.validate import campaign_files, check_files


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument("paths", metavar="PATH", nargs="*", type=Path, help="campaign files or folders; left out, all of dags/campaigns/")


def run(args: argparse.Namespace) -> int:
    """Print the findings; 1 if there are any."""
    home = project_home()
    files = campaign_files([path.resolve() for path in args.paths], home)
    findings = check_files(files, home, columns_by_connection(home))
    if args.json:
        print(json.dumps({"files": len(files), "findings": [asdict(finding) for finding in findings]}, indent=2, ensure_ascii=False))
    else:
        for finding in findings:
            print(finding)
        print(f"{_count(len(files), 'file')}, {_count(len(findings), 'finding')}.")
    return 1 if findings else 0


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
