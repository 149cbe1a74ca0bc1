"""outcamp status: when the next wave of a campaign runs, by the deployment's own interval."""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drafts import campaign
from outcamp.cli.main import main
from outcamp.core.manifest import seal_manifest
from outcome_world import sent_world

LATER = 'schedule: {start: "2099-12-02 00:00", time_zone: UTC}\n'


@pytest.fixture
def home(tmp_path: Path, database_uri: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a campaign that has something to do at a minute that is no multiple of five."""
    with ExitStack() as stack:
        world = sent_world(stack, database_uri, tmp_path / "lake")
        world.change("UPDATE outcamp.attempts SET deadline_at = '2099-12-01 15:01+00'")
        world.change("UPDATE outcamp.campaigns SET published_at = '2026-01-01'")  # the command reads the database's clock
    published = tmp_path / "dags" / "published"
    published.mkdir(parents=True)
    manifest = seal_manifest(campaign(LATER), datetime(2026, 1, 1, tzinfo=UTC), {}, {})
    (published / "spring.json").write_text(manifest.to_json(), encoding="utf-8")
    monkeypatch.setenv("OUTCAMP_HOME", str(tmp_path))
    monkeypatch.setenv("OUTCAMP_LEDGER", database_uri)
    monkeypatch.delenv("OUTCAMP_WAVE_INTERVAL", raising=False)
    return tmp_path


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("variable", "words", "minute"),
    [
        (None, [], "15:05:00"),
        ("60", [], "15:01:00"),
        ("60", ["--wave-interval", "240"], "15:04:00"),
        (None, ["--wave-interval", "1"], "15:01:00"),
    ],
)
def test_the_next_wave_is_at_a_multiple_of_the_deployments_interval(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str | None, words: list[str], minute: str
) -> None:
    """It is read where the deployment reads it, and may be given by hand."""
    if variable:
        monkeypatch.setenv("OUTCAMP_WAVE_INTERVAL", variable)
    assert 0 == main(["status", "--json", *words])
    assert [f"2099-12-01 {minute}+00:00"] == [one["next_at"] for one in json.loads(capsys.readouterr().out)]


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(("name", "words"), [("OUTCAMP_WAVE_INTERVAL", []), ("--wave-interval", ["--wave-interval", "5 minutes"])])
def test_an_interval_that_is_none_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, words: list[str]
) -> None:
    """A guess would show a wave at a moment when none runs."""
    if not words:
        monkeypatch.setenv(name, "5 minutes")
    assert 2 == main(["status", *words])
    expected = f"{name} is '5 minutes', which is no number of seconds.\n  Next: Write whole seconds from 1 to 86400: 300.\n"
    assert expected == capsys.readouterr().err
