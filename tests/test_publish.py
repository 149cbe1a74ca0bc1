"""Publishing: a draft becomes a sealed manifest, once, whole, and with all that it needs."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from drafts import HEAD, make_project, read_campaign
from outcamp.cli.main import main
from outcamp.core.errors import CampaignFileError, ManifestError, OutcampError, UsageError
from outcamp.core.manifest import read_manifest, seal_manifest
from outcamp.steps.publish import publish, write_manifest
from outcamp.store import campaigns
from outcamp.store.ledger import Ledger

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
TAKEN = (
    "dags/published/spring.json: the campaign 'spring' is published already, and its settings never change.\n"
    "  Next: Publish the changed campaign under a new name, and stop this one."
)


def refusal(name: str, home: Path, now: datetime = NOW) -> str:
    """What is printed when a campaign cannot be published."""
    with pytest.raises(OutcampError) as raised:
        publish(name, home, now)
    return str(raised.value)


def test_publishing_freezes_everything_that_the_campaign_needs(tmp_path: Path) -> None:
    """The manifest has the settings, the instant, and the text of each template and query."""
    segment = "{file: people.csv, exclude: [staff.sql]}"
    make_project(tmp_path, HEAD.replace("{file: people.csv}", segment).replace("Hello", "hello.j2"))
    (tmp_path / "include/templates/hello.j2").write_text("Hi {{ first_name }}", encoding="utf-8")
    (tmp_path / "include/sql/segments/staff.sql").write_text("SELECT id AS recipient_id FROM staff", encoding="utf-8")
    path = publish("spring", tmp_path, NOW)
    assert tmp_path / "dags/published/spring.json" == path
    manifest = read_manifest(path.read_text(encoding="utf-8"), "spring.json")
    assert ("spring", NOW) == (manifest.campaign.name, manifest.published_at)
    assert {"hello.j2": "Hi {{ first_name }}"} == manifest.templates
    assert {"staff.sql": "SELECT id AS recipient_id FROM staff"} == manifest.sql


def test_nothing_is_left_beside_the_manifest(tmp_path: Path) -> None:
    """The folder of manifests holds manifests only."""
    make_project(tmp_path)
    publish("spring", tmp_path, NOW)
    assert ["spring.json"] == [file.name for file in (tmp_path / "dags/published").iterdir()]


def test_a_campaign_is_published_once(tmp_path: Path) -> None:
    """A second publishing is refused, changed or not, and the first one stays as it is."""
    draft = make_project(tmp_path)
    path = publish("spring", tmp_path, NOW)
    before = path.read_bytes()
    assert TAKEN == refusal("spring", tmp_path)
    draft.write_text(f"{HEAD}holdout: 5%\n", encoding="utf-8")
    assert TAKEN == refusal("spring", tmp_path)
    assert before == path.read_bytes()


def test_of_many_publishers_at_once_one_wins(tmp_path: Path) -> None:
    """Publishers that race each other never write over one another, and never leave half a manifest."""
    draft = make_project(tmp_path)
    target = tmp_path / "dags/published/spring.json"

    campaign = read_campaign(draft.read_text(encoding="utf-8"), "spring.yaml")
    manifests = [seal_manifest(campaign, NOW.replace(second=second), {}, {}) for second in range(16)]

    def attempt(number: int) -> int | None:
        try:
            write_manifest(manifests[number], target, "spring.json")
        except ManifestError:
            return None
        return number

    with ThreadPoolExecutor(8) as pool:
        winners = [number for number in pool.map(attempt, range(16)) if number is not None]
    assert 1 == len(winners)
    assert manifests[winners[0]] == read_manifest(target.read_text(encoding="utf-8"), "spring.json")
    assert [target] == list(target.parent.iterdir())


def test_a_draft_with_findings_is_not_published(tmp_path: Path) -> None:
    """What validate says, publish refuses with."""
    make_project(tmp_path, HEAD.replace("Hello", "hello.j2"))
    with pytest.raises(CampaignFileError, match=r"There is no file 'hello\.j2' in include/templates/"):
        publish("spring", tmp_path, NOW)
    assert not (tmp_path / "dags/published").exists()


def test_a_campaign_that_expired_is_not_published(tmp_path: Path) -> None:
    """A manifest that could never send anything is not written."""
    make_project(tmp_path, f"{HEAD}schedule: {{expires: 2026-11-20 09:30}}\n")
    assert (
        "dags/campaigns/spring.yaml:5: schedule.expires: The campaign expired at 2026-11-20 09:30 UTC, before it is published at "
        "2026-11-20 09:30 UTC.\n  Next: Set a later expires."
    ) == refusal("spring", tmp_path)


@pytest.mark.parametrize(
    ("name", "next_step"),
    [("sprng", "Did you mean 'spring'?"), ("autumn", "Write it as dags/campaigns/NAME.yaml."), ("../../spring", "Did you mean 'spring'?")],
)
def test_a_draft_that_is_missing_is_told_with_the_nearest(tmp_path: Path, name: str, next_step: str) -> None:
    """A name without a draft is wrong use; no name leads out of the folder."""
    make_project(tmp_path)
    with pytest.raises(UsageError) as raised:
        publish(name, tmp_path, NOW)
    assert f"There is no draft of a campaign {name!r}.\n  Next: {next_step}" == str(raised.value)


# Names that were used before.


@pytest.fixture
def home(database_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a draft, and a ledger of its own."""
    make_project(tmp_path)
    monkeypatch.setenv("OUTCAMP_HOME", str(tmp_path))
    monkeypatch.setenv("OUTCAMP_LEDGER", database_uri)
    return tmp_path


def first_wave(uri: str, seal: str) -> None:
    """The ledger's line of the campaign, as its first wave writes it."""
    with closing(Ledger.at(uri)) as ledger:
        ledger.migrate()
        more = {"expires_at": None, "final_occurrence_at": None, "ignores_total_limits": False}
        with ledger.transaction() as tx:
            campaigns.register(tx, name="spring", seal=seal, published_at=NOW, **more)


def test_the_name_of_a_deleted_campaign_is_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Publish, delete, publish again: nothing is written, since no wave of it would ever run; a review says so beforehand."""
    assert 0 == main(["publish", "spring"])
    assert 0 == main(["delete", "spring"])
    capsys.readouterr()
    expected = (
        f"dags/published/spring.json: the ledger knows 'spring' already (deleted {datetime.now(UTC):%Y-%m-%d}), "
        "and a name is never used again.\n  Next: Publish it under a new name.\n"
    )
    for verb in ("review", "publish"):
        assert (1, ("", expected)) == (main([verb, "spring"]), tuple(capsys.readouterr()))
    assert [] == list((home / "dags/published").iterdir())


@pytest.mark.parametrize(("stopped", "ended"), [(False, "it has run"), (True, f"stopped {datetime.now(UTC):%Y-%m-%d}")])
def test_the_name_of_a_campaign_whose_manifest_is_gone_is_refused(
    home: Path, database_uri: str, capsys: pytest.CaptureFixture[str], stopped: bool, ended: str
) -> None:
    """Somebody took the file away and left the campaign in the ledger: the file comes back from version control."""
    assert 0 == main(["publish", "spring"])
    first_wave(database_uri, json.loads((home / "dags/published/spring.json").read_text(encoding="utf-8"))["seal"])
    if stopped:
        assert 0 == main(["stop", "spring"])
    (home / "dags/published/spring.json").unlink()
    capsys.readouterr()
    assert 1 == main(["publish", "spring"])
    assert (
        f"dags/published/spring.json: the ledger knows 'spring' already ({ended}), and a name is never used again.\n"
        "  Next: Restore dags/published/spring.json from version control, or publish the draft under a new name.\n"
    ) == capsys.readouterr().err
    assert [] == list((home / "dags/published").iterdir())


def test_a_ledger_that_is_away_keeps_nobody_from_publishing(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Publishing is a file in git; what cannot be looked up is said."""
    monkeypatch.setenv("OUTCAMP_LEDGER", "postgresql://outcamp@127.0.0.1:1/outcamp")
    assert 0 == main(["publish", "spring"])
    said = capsys.readouterr().err
    assert said.startswith(
        "Warning: the ledger cannot be asked whether the name was used before: The ledger did not answer: connection failed: "
    )
    assert (home / "dags/published/spring.json").exists()


def test_a_ledger_without_tables_or_rights_keeps_nobody_from_publishing(
    home: Path, database_uri: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A ledger that no campaign has run in yet knows no name, and is not migrated by publishing, which needs no right to it."""
    assert (0, "") == (main(["publish", "spring"]), capsys.readouterr().err)
    with psycopg.connect(database_uri) as connection:
        assert [(None,)] == connection.execute("SELECT to_regclass('outcamp.campaigns')").fetchall()
        connection.execute("CREATE SCHEMA outcamp; CREATE TABLE outcamp.campaigns (); CREATE ROLE reader_of_nothing LOGIN")
    (home / "dags/published/spring.json").unlink()
    monkeypatch.setenv("OUTCAMP_LEDGER", psycopg.conninfo.make_conninfo(database_uri, user="reader_of_nothing"))
    try:
        assert 0 == main(["publish", "spring"])
    finally:
        with psycopg.connect(database_uri) as connection:
            connection.execute("DROP ROLE reader_of_nothing")
    assert "Warning: the ledger cannot be asked whether the name was used before: InsufficientPrivilege.\n" == capsys.readouterr().err


def test_publishing_makes_no_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where none was ever made, no name was ever used."""
    make_project(tmp_path)
    monkeypatch.setenv("OUTCAMP_HOME", str(tmp_path))
    assert 0 == main(["publish", "spring"])
    assert not (tmp_path / ".outcamp").exists()
