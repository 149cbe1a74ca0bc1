"""Which ledger the command works on: where nothing names one, it is the embedded one, and it says so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from drafts import make_project
from outcamp.cli.deployment import stop_embedded
from outcamp.cli.ledger import URI, VARIABLE
from outcamp.cli.main import main

NOTICE = "Ledger: the embedded one in .outcamp/ (neither OUTCAMP_LEDGER nor AIRFLOW_CONN_OUTCAMP_LEDGER is set)\n"
PLUGINS = Path(__file__).parents[1] / "plugins"
SOMEBODY = ["suppress", "add", "--recipient", "ada"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project with a draft; its embedded server is stopped at the end."""
    make_project(tmp_path)
    monkeypatch.setenv("OUTCAMP_HOME", str(tmp_path))
    for name in (URI, VARIABLE):
        monkeypatch.delenv(name, raising=False)
    yield tmp_path
    stop_embedded(tmp_path)


def called(*words: str) -> tuple[int, str, str]:
    """The exit code of the command in a process of its own, which the server outlives, and what it wrote."""
    command, environment = [sys.executable, "-m", "outcamp", *words], os.environ | {"PYTHONPATH": str(PLUGINS)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.usefixtures("home")
def test_whoever_names_no_ledger_is_told_that_the_embedded_one_was_taken() -> None:
    """What was recorded is not in the books of a deployment elsewhere; machines read the same JSON, and publishing tells it, too."""
    assert (0, json.dumps({"added": True}, indent=2) + "\n", NOTICE) == called(*SOMEBODY, "--json")
    for words in (["status"], ["publish", "spring"]):
        code, _, said = called(*words)
        assert (0, NOTICE) == (code, said)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("words", [["validate"], ["schema"], ["publish", "spring"]])
def test_verbs_without_a_ledger_say_nothing_of_one(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """They neither record nor read, and publishing asks a ledger that was made."""
    assert 0 == main(words)
    assert "" == capsys.readouterr().err


@pytest.mark.usefixtures("home")
def test_a_ledger_that_is_named_needs_no_word(
    database_uri: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever named it knows it; the connection of Airflow's does as well as the URI."""
    for name in (URI, VARIABLE):
        with monkeypatch.context() as environment:
            environment.setenv(name, database_uri)
            main(SOMEBODY)
        assert "" == capsys.readouterr().err
