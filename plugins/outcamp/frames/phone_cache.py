"""The compiled number plans on disk: compiled once for each release of `phonenumbers`, then read in a moment."""

from __future__ import annotations

import logging
import os
import zipfile
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

import numpy as np

import outcamp.core.zones
from outcamp.frames.phone_automaton import PhoneAutomaton, compile_automaton

log = logging.getLogger(__name__)


_in_memory: dict[str, PhoneAutomaton] = {}


def ready_automaton() -> PhoneAutomaton | None:
    """Return the automaton if it has been compiled before: from memory or from disk."""
    path = _path()
    if path.name not in _in_memory and (stored := read_automaton(path)):
        _in_memory[path.name] = stored
    return _in_memory.get(path.name)


def phone_automaton() -> PhoneAutomaton:
    """Return the automaton, compiled now if need be. Several processes may do this at once."""
    ready = ready_automaton()
    if ready is not None:
        return ready
    path = _path()
    log.info("Compiling the number plans of phonenumbers %s into %s, once: some ten seconds", version("phonenumbers"), path)
    automaton = _in_memory[path.name] = compile_automaton()
    write_automaton(path, automaton)
    return automaton


def cache_folder() -> Path:
    """Return where compiled data is kept: OUTCAMP_CACHE, or ~/.cache/outcamp."""
    return Path(os.environ.get("OUTCAMP_CACHE") or Path.home() / ".cache" / "outcamp")


def _path() -> Path:
    return cache_folder() / _file_name()


@cache
def _file_name() -> str:
    return f"phones-{version('phonenumbers')}-{_fingerprint()}.npz"


@cache
def _fingerprint() -> str:
    """Return what the compiled data depends on beside `phonenumbers`: the compiler, and the clocks that zones keep."""
    sources = [*sorted(Path(__file__).parent.glob("phone_*.py")), Path(outcamp.core.zones.__file__)]
    return sha256(b"".join([version("pytz").encode(), *(source.read_bytes() for source in sources)])).hexdigest()[:16]


def read_automaton(path: Path) -> PhoneAutomaton | None:
    """Return the automaton that was stored here; None, and a warning, where what is stored is damaged."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return PhoneAutomaton.load(arrays)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        log.warning("The compiled number plans in %s cannot be read and are compiled anew: %s", path, error)
        return None


def write_automaton(path: Path, automaton: PhoneAutomaton) -> None:
    """Store the automaton whole or not at all: beside its place first, then renamed."""
    beside = path.with_name(f"{path.name}.{uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("xb") as file:
            automaton.save(file)
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        log.warning("The compiled number plans cannot be kept in %s; the next process compiles them again: %s", path.parent, error)
