"""``outcamp import connect``: an Amazon Connect campaign becomes a campaign file."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from outcamp.core.errors import DataError, UsageError
from outcamp.steps.project import Project, project_home


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument("system", choices=["connect"], help="whose campaign it is: Amazon Connect's, version 2")
    parser.add_argument("file", type=Path, metavar="FILE", help="the JSON of DescribeCampaign")


def run(args: argparse.Namespace) -> int:
    """Write the draft, never over another one, and print what is left to do by hand."""
    from outcamp.steps.connect_import import import_connect
    from outcamp.store.whole_files import write_new

    made = import_connect(_described(args.file))
    project = Project(project_home())
    target = project.drafts / f"{made.name}.yaml"
    try:
        write_new(target, made.text)
    except FileExistsError:
        problem = f"{project.shown(target)} is there already, and nothing was written."
        raise UsageError(problem, next_step="Rename or remove that draft first.") from None
    shown = project.shown(target)
    if args.json:
        print(json.dumps({"campaign": made.name, "file": shown, "notes": made.notes}, indent=2, ensure_ascii=False))
    else:
        print("\n".join([f"Wrote {shown}.", *(f"  {note}" for note in made.notes), f"  Next: outcamp validate {shown}"]))
    return 0


def _described(path: Path) -> object:
    try:
        described = json.loads(path.read_text(encoding="utf-8-sig"))
        json.dumps(described, ensure_ascii=False).encode()
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file", next_step="check the path") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}", next_step="check the path, and who may read it") from None
    except UnicodeEncodeError:  # half of a \ud... pair
        raise DataError(f"{path} holds a character that cannot be stored", next_step="remove the \\ud... escape") from None
    except RecursionError:
        raise DataError(f"{path} cannot be read: it is nested too deeply", next_step="give it the JSON of DescribeCampaign") from None
    except ValueError as error:
        raise DataError(f"{path} is no JSON: {error}", next_step="give it the JSON of DescribeCampaign") from None
    return described
