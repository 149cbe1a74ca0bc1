"""`outcamp status` knows Airflow's switch: it reads it in Airflow's own database, wherever the environment says that it is."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drafts import campaign
from outcamp.cli.main import main
from outcamp.cli.pause_switch import VARIABLE
from outcamp.core.manifest import seal_manifest


@pytest.fixture
def home(tmp_path: Path, database_uri: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two published campaigns, of which Airflow has paused one."""
    published = tmp_path / "dags" / "published"
    published.mkdir(parents=True)
    for name in ("autumn", "spring"):
        manifest = seal_manifest(campaign().model_copy(update={"name": name}), datetime(2026, 1, 1, tzinfo=UTC), {}, {})
        (published / f"{name}.json").write_text(manifest.to_json(), encoding="utf-8")
    with closing(sqlite3.connect(tmp_path / "airflow.db")) as database:
        database.execute("CREATE TABLE dag (dag_id TEXT, is_paused BOOLEAN)")
        database.execute("INSERT INTO dag VALUES ('outcamp.autumn', 0), ('outcamp.spring', 1), ('somebody.else', 1)")
        database.commit()
    monkeypatch.setenv("OUTCAMP_HOME", str(tmp_path))
    monkeypatch.setenv("OUTCAMP_LEDGER", database_uri)
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path


def test_a_campaign_whose_dag_is_paused_is_paused(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The others are Active, and DAGs that are no campaigns do not matter."""
    monkeypatch.setenv(VARIABLE, f"sqlite:///{home / 'airflow.db'}")
    assert 0 == main(["status", "--json"])
    assert {"autumn": "Active", "spring": "Paused"} == {one["name"]: one["state"] for one in json.loads(capsys.readouterr().out)}


@pytest.mark.usefixtures("home")
def test_where_airflows_database_is_not_known_status_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """Active is then said with a word of caution."""
    assert 0 == main(["status"])
    assert f"Whether Airflow has paused a campaign is not known here: {VARIABLE} is not set." == capsys.readouterr().out.splitlines()[-1]


def test_an_airflow_database_that_does_not_answer_is_no_unpaused_campaign(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command fails rather than guess."""
    monkeypatch.setenv(VARIABLE, f"sqlite:///{home / 'nowhere' / 'airflow.db'}")
    assert 1 == main(["status"])
    assert (
        "Airflow's database, which says what is paused, did not answer: unable to open database file\n"
        f"  Next: start it, or unset {VARIABLE} to see the states without Paused\n"
    ) == capsys.readouterr().err


@pytest.mark.usefixtures("home")
def test_an_address_of_airflows_database_that_is_none_is_refused_without_being_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may hold a password."""
    monkeypatch.setenv(VARIABLE, "mysterious:s3cret")
    assert 1 == main(["status"])
    assert (
        f"{VARIABLE} cannot be used: ArgumentError.\n  Next: correct it, or unset it to see the states without Paused\n"
        == capsys.readouterr().err
    )
