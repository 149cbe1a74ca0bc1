"""The folder into which relays and providers put files of outcomes: each complete file is taken in once and put away."""

from __future__ import annotations

import logging
import traceback
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from outcamp.core.errors import DataError, OutcampError, Transient
from outcamp.core.places import Place
from outcamp.segments.written_rows import ENDINGS
from outcamp.steps.outcome_files import Clock, Manifests, TakenIn, take_in_file
from outcamp.steps.received_outcomes import join
from outcamp.store.ledger import Ledger
from outcamp.store.whole_files import write_whole

TAKING: Final = "taking"
TAKEN: Final = "taken"
REFUSED: Final = "refused"
log = logging.getLogger(__name__)


@dataclass
class Emptied:
    """What became of the files of a folder, by their names: taken in; refused for good; or failed with this reason, to be tried again."""

    taken: dict[str, TakenIn] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def take_in_folder(ledger: Ledger, manifests: Manifests, folder: Place, clock: Clock) -> Emptied:
    """Take in every file of a folder, oldest first, and return what became of each.

    A file is complete when it bears its name: whoever writes it uses another one (``.part``, or a dot before it) and renames it. It moves
    to ``taking/`` first, so that a newer one of the same name cannot take its place unread, and to ``taken/`` after the ledger has all of
    it, or to ``refused/`` with the reason beside it. Killed in between, it is taken in again, which changes nothing. In an object store a
    move is a copy and a deletion, and a kill between them leaves the file in both places: it is taken in again, too.

    A file on which something of ours breaks stays in ``taking/``, and the others go on: some of its rows may be in the books, so it is not
    refused, and taking it in again loses none of the rest. What is away, the ledger above all, is no fault of a file and ends it here.
    """
    join(folder)
    found = Emptied()
    for path in _complete(folder):
        _move(path, _place_for(path, folder / TAKING))
    for path in _complete(folder / TAKING):
        try:
            found.taken[path.name] = take_in_file(ledger, manifests, path, clock)
        except Transient:
            raise
        except DataError as error:
            if not path.exists():  # another pulse was faster
                continue
            target = _place_for(path, folder / REFUSED)
            write_whole(target.with_name(f"{target.name}.reason.txt"), f"{error}\n".encode(), durable=False)
            _move(path, target)
            found.refused.append(target.name)
        except Exception as error:  # noqa: BLE001 - whatever it is, the outcomes in the other files do not wait for it
            # Where it broke, without the words of others: they may quote a row.
            log.error("%s could not be taken in:\n%s", path, "".join(traceback.format_tb(error.__traceback__)))  # noqa: TRY400
            found.failed[path.name] = str(error) if isinstance(error, OutcampError) else type(error).__name__
        else:
            _move(path, _place_for(path, folder / TAKEN))
    return found


def _complete(folder: Place) -> list[Place]:
    named = [path for path in folder.glob("*") if path.suffix.lower() in ENDINGS and not path.name.startswith(".")]
    return sorted((path for path in named if path.is_file()), key=lambda path: (_written_at(path), path.name))


def _written_at(path: Place) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0  # another pulse has just moved it


def _place_for(path: Place, folder: Place) -> Place:
    """Return where a file goes in a folder: one of the same name that is there already keeps its place."""
    folder.mkdir(exist_ok=True)
    target, number = folder / path.name, 1
    while target.exists():
        number += 1
        target = folder / f"{path.stem}-{number}{path.suffix}"
    return target


def _move(path: Place, target: Place) -> None:
    with suppress(FileNotFoundError):  # another pulse has moved it
        path.replace(target)
