"""What the house promises to whoever works in it: the lock, the make targets, the fixtures, the sentences of the tests."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import tomllib
from pathlib import Path

import psycopg
import pytest

import outcamp

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def canonical(requirement: str) -> str:
    """The name of a requirement as the lock spells it."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement).group()).lower()


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make in the project, as a person would."""
    # A make above this one would pass its own flags down.
    environment = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
    return subprocess.run(["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_the_lock_pins_every_dependency() -> None:
    """Each line of requirements.txt names one exact version, and none of pyproject.toml's dependencies is missing."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.lstrip().startswith("#")]
    assert [] == [pin for pin in pins if not re.fullmatch(r"[\w.-]+==[\w.!+]+", pin)]
    wanted = {canonical(name) for name in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]}
    assert set() == wanted - {canonical(pin) for pin in pins}


def test_the_package_has_the_version_of_the_project() -> None:
    """The version stands in two places and is the same in both."""
    assert PROJECT["version"] == outcamp.__version__


def test_airflow_is_kept_out_of_the_package() -> None:
    """Airflow would import each file under plugins/ by its bare name, and replace modules of Python itself."""
    lines = (ROOT / "plugins" / ".airflowignore").read_text(encoding="utf-8").splitlines()
    assert ["outcamp/"] == [line for line in lines if not line.startswith("#")]


def test_make_alone_shows_every_target() -> None:
    """Bare make prints one line of help for each target."""
    rules = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.search(r"^\.PHONY: (.+)$", rules, re.MULTILINE).group(1).split())
    done = make()
    assert 0 == done.returncode, done.stderr
    assert targets == {line.split()[1] for line in done.stdout.splitlines() if line.startswith("  make ")}


def test_make_without_a_new_python_says_what_to_do(tmp_path: Path) -> None:
    """When no Python is new enough, setup names those that it tried and how to go on."""
    done = subprocess.run(
        ["make", "-f", ROOT / "Makefile", ".venv/bin/python", "PYTHONS=python2.7 false"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 2 == done.returncode
    assert "outcamp needs Python 3.11 or newer with its venv module, and none of these is one: python2.7 false." in done.stdout
    assert "Next: install one (Debian, Ubuntu: apt-get install python3 python3-venv), or name yours: make setup PYTHONS=" in done.stdout


def test_ci_runs_what_the_readme_tells_people_to_run() -> None:
    """CI is one executable file, and its last word is the README's test command."""
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "make test" == script.read_text(encoding="utf-8").splitlines()[-1]
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_test_says_its_sentence() -> None:
    """Each test's docstring is a sentence of behaviour that ends in a full stop."""
    silent = [
        f"{path.relative_to(ROOT)}::{node.name}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        if not (ast.get_docstring(node) or "").split("\n\n")[0].endswith((".", "?"))
    ]
    assert [] == silent


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("import pytest\ndef test_x(): pytest.skip('too hard')", "too hard"),
        ("import pytest\n@pytest.mark.skip(reason='not today')\ndef test_x(): pass", "not today"),
        ("import pytest\n@pytest.mark.xfail(reason='known')\ndef test_x(): assert False", "known"),
        ("import pytest\npytest.importorskip('no_such_module_anywhere')\ndef test_x(): pass", "no_such_module_anywhere"),
    ],
)
def test_a_skipped_test_fails_the_run(pytester: pytest.Pytester, body: str, reason: str) -> None:
    """A test that is skipped, or expected to fail, fails the run and is told why."""
    pytester.makepyfile(body)
    result = pytester.runpytest_inprocess("-p", "no_skips")
    assert result.ret != 0
    result.stdout.fnmatch_lines([f"*did not run:*{reason}*", "*Next: make it run, or give it a reason in tests/no_skips.py."])


def test_a_test_gets_a_database_of_its_own(database_uri: str, postgres_uri: str) -> None:
    """The database is empty, is not the server's own, is named by a URI, and forgets power cuts for speed."""
    assert database_uri != postgres_uri
    assert database_uri.startswith("postgresql://")
    with psycopg.connect(database_uri) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')")
        assert (0,) == tables.fetchone()
        assert ("off",) == connection.execute("SHOW fsync").fetchone()
