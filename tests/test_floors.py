"""The floors of the house: who may import whom, what the core may touch, and who may read a clock.

Floor 4  plugin.py, which tells Airflow what there is
Floor 3  dag/ web/ cli/, and __main__.py beside them
Floor 2  steps/
Floor 1  frames/ store/ segments/ transports/
Floor 0  core/

A file imports its own folder or a lower floor; the folders of one floor do not know each other.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "plugins" / "outcamp"

FLOORS = {
    "core": 0,
    "frames": 1,
    "store": 1,
    "segments": 1,
    "transports": 1,
    "steps": 2,
    "dag": 3,
    "web": 3,
    "cli": 3,
    "plugin": 4,
}
# Files beside the folders, and the folder whose rights each one has.
DOORS = {"__init__": "core", "__main__": "cli", "plugin": "plugin"}

# What has no I/O and no clock. datetime has one, which the clock test below watches.
PURE_MODULES = {
    "__future__",
    "abc",
    "bisect",
    "calendar",
    "collections",
    "contextlib",
    "copy",
    "dataclasses",
    "datetime",
    "decimal",
    "difflib",
    "enum",
    "fractions",
    "functools",
    "hashlib",
    "heapq",
    "itertools",
    "json",
    "math",
    "operator",
    "re",
    "string",
    "types",
    "typing",
    "typing_extensions",
    "unicodedata",
    "outcamp",
    "pydantic",
    "pydantic_core",
    "pytz",
    "yaml",
}
IO_BUILTINS = {"open", "print", "input", "breakpoint", "exec", "eval", "compile", "__import__"}

CLOCK_READINGS = {
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
    "Timestamp": {"now", "utcnow", "today"},
    "pendulum": {"now", "today", "tomorrow", "yesterday"},
    "time": {"time", "time_ns", "localtime", "gmtime", "ctime", "strftime"},
}


def imports_of(tree: ast.Module) -> Iterator[str]:
    """Every module that a file imports, wherever in the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # `from outcamp import store` names the folder in the second half.
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)


def folder_of(file: str) -> str:
    """The folder whose rights a file of the package has."""
    head, _, rest = file.partition("/")
    return head if rest else DOORS.get(head.removesuffix(".py"), head)


def offences(file: str, source: str) -> list[str]:
    """What a file of the package does that its floor forbids."""
    folder = folder_of(file)
    if folder not in FLOORS:
        return [f"{file}: {folder} stands on no floor; give it one in tests/test_floors.py"]
    tree = ast.parse(source)
    found = list(wrong_imports(file, folder, tree))
    if folder == "core":
        found += impurities(file, tree)
    if FLOORS[folder] < FLOORS["cli"]:
        found += clock_readings(file, tree)
    return found


def wrong_imports(file: str, folder: str, tree: ast.Module) -> Iterator[str]:
    """The imports that reach a higher floor or a neighbour."""
    for module in imports_of(tree):
        if module.startswith("."):
            yield f"{file}: imports {module}; write the whole name, so that this test can read it"
        package, *rest = module.split(".")
        # `from outcamp import __version__` reaches no folder.
        if package != "outcamp" or not rest or rest[0].startswith("__"):
            continue
        target = DOORS.get(rest[0], rest[0])
        if target != folder and FLOORS.get(target, 99) >= FLOORS[folder]:
            yield f"{file}: imports {module}, which {folder} may not know"


def impurities(file: str, tree: ast.Module) -> Iterator[str]:
    """The modules and builtins by which the core could reach the world outside."""
    for module in imports_of(tree):
        if module.split(".")[0] not in PURE_MODULES:
            yield f"{file}: imports {module}; core/ is pure"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IO_BUILTINS:
            yield f"{file}:{node.lineno}: calls {node.func.id}(); core/ is pure"


def clock_readings(file: str, tree: ast.Module) -> Iterator[str]:
    """The places that read a clock, or hand its reading function on."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            if node.attr in CLOCK_READINGS.get(owner, ()):
                yield f"{file}:{node.lineno}: reads {owner}.{node.attr}; now is an argument"
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            for alias in node.names:
                if alias.name in CLOCK_READINGS["time"]:
                    yield f"{file}:{node.lineno}: reads time.{alias.name}; now is an argument"


def test_every_file_keeps_to_its_floor() -> None:
    """No file of the package reaches above its floor, and none below the top floor reads a clock."""
    found = [
        offence
        for path in sorted(PACKAGE.rglob("*.py"))
        for offence in offences(path.relative_to(PACKAGE).as_posix(), path.read_text(encoding="utf-8"))
    ]
    assert [] == found, "\n".join(found)


@pytest.mark.parametrize(
    ("file", "source", "offence"),
    [
        ("core/a.py", "from outcamp.store import ledger", "core/a.py: imports outcamp.store.ledger, which core may not know"),
        ("core/a.py", "def f():\n    import outcamp.steps.send", "core/a.py: imports outcamp.steps.send, which core may not know"),
        ("frames/a.py", "from outcamp import store", "frames/a.py: imports outcamp.store, which frames may not know"),
        ("store/a.py", "import outcamp.frames.phones", "store/a.py: imports outcamp.frames.phones, which store may not know"),
        ("steps/a.py", "from outcamp.cli.main import main", "steps/a.py: imports outcamp.cli.main.main, which steps may not know"),
        ("cli/a.py", "from outcamp.dag import factory", "cli/a.py: imports outcamp.dag.factory, which cli may not know"),
        ("cli/a.py", "from outcamp import plugin", "cli/a.py: imports outcamp.plugin, which cli may not know"),
        ("steps/a.py", "from . import b", "steps/a.py: imports ..b; write the whole name, so that this test can read it"),
        ("core/a.py", "import os", "core/a.py: imports os; core/ is pure"),
        ("core/a.py", "from pathlib import Path", "core/a.py: imports pathlib.Path; core/ is pure"),
        ("core/a.py", "import pandas as pd", "core/a.py: imports pandas; core/ is pure"),
        ("core/a.py", "text = open('x').read()", "core/a.py:1: calls open(); core/ is pure"),
        ("steps/a.py", "now = datetime.now(UTC)", "steps/a.py:1: reads datetime.now; now is an argument"),
        ("steps/a.py", "now = datetime.datetime.utcnow()", "steps/a.py:1: reads datetime.utcnow; now is an argument"),
        ("core/a.py", "at = Field(default_factory=datetime.now)", "core/a.py:1: reads datetime.now; now is an argument"),
        ("frames/a.py", "now = pd.Timestamp.now('UTC')", "frames/a.py:1: reads Timestamp.now; now is an argument"),
        ("store/a.py", "now = time.time()", "store/a.py:1: reads time.time; now is an argument"),
        ("store/a.py", "from time import time", "store/a.py:1: reads time.time; now is an argument"),
        ("attic/a.py", "", "attic/a.py: attic stands on no floor; give it one in tests/test_floors.py"),
    ],
)
def test_an_offence_is_found(file: str, source: str, offence: str) -> None:
    """Each way to break the floors is seen, also inside a function."""
    assert offence in offences(file, source)


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("core/a.py", "from outcamp.core.errors import Permanent\nimport datetime\nimport yaml"),
        ("frames/a.py", "import pandas as pd\nfrom outcamp.core.zones import is_zone\nfrom outcamp.frames.phones import phone_verdicts"),
        ("store/a.py", "import time\nstarted = time.monotonic()\nnow = ledger.now()"),
        ("steps/a.py", "from outcamp.core import zones\nfrom outcamp.store import ledger\nfrom outcamp.frames import phones"),
        ("cli/a.py", "from outcamp import __version__\nfrom outcamp.steps import simulate\nnow = datetime.now(UTC)"),
        ("__main__.py", "from outcamp.cli.main import main"),
    ],
)
def test_what_the_floors_allow_is_no_offence(file: str, source: str) -> None:
    """A file may use its own folder and every lower floor; the top floor may read the clock."""
    assert [] == offences(file, source)


def test_the_pure_list_names_no_builtin_door() -> None:
    """The builtins that reach outside are spelled as Python spells them."""
    assert set() == IO_BUILTINS - set(dir(builtins))
