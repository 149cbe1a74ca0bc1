"""The manifest: what is published is frozen, and an edit is noticed."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from drafts import campaign, read_campaign
from outcamp.core.errors import ManifestError
from outcamp.core.manifest import Manifest, read_manifest, seal_manifest
from test_campaign_model import FULL

PLUGINS = Path(__file__).parents[1] / "plugins"
NOW = datetime(2026, 11, 20, 9, 30, 15, 123456, tzinfo=UTC)
SQL = {"renewals_due.sql": "SELECT customer_no FROM customers -- größer\n"}
TEMPLATES = {"renewal.sms.j2": "Hi {{ first_name }} \U0001f44b\n"}
NEXT = "  Next: Restore the file from version control; to change a campaign, publish it under a new name."


def full() -> Manifest:
    """The manifest of a campaign with every setting."""
    return seal_manifest(read_campaign(FULL, "a.yaml"), NOW, SQL, TEMPLATES)


def refusal(text: str) -> str:
    """What is printed about a manifest."""
    with pytest.raises(ManifestError) as raised:
        read_manifest(text, "dags/published/a.json")
    return str(raised.value)


def test_a_manifest_survives_its_file() -> None:
    """What was published reads back whole: settings, instant, SQL, templates and seal."""
    manifest = full()
    read = read_manifest(manifest.to_json(), "a.json")
    assert manifest == read
    assert (NOW, SQL, TEMPLATES) == (read.published_at, read.sql, read.templates)
    assert manifest.to_json() == read.to_json()


def test_the_instant_of_publishing_is_utc() -> None:
    """An instant in another zone is written as the same instant in UTC."""
    local = NOW.astimezone(timezone(timedelta(hours=-5)))
    manifest = seal_manifest(campaign(), local, {}, {})
    assert "2026-11-20T09:30:15.123456Z" == json.loads(manifest.to_json())["published_at"]
    assert seal_manifest(campaign(), NOW, {}, {}) == manifest


def test_a_manifest_states_its_defaults() -> None:
    """What a file left out is written down, so that a later version of outcamp cannot mean something else by it."""
    settings = json.loads(seal_manifest(campaign(), NOW, {}, {}).to_json())["campaign"]
    assert "active_campaigns" == settings["counts"]
    assert "3 days" == settings["channels"]["sms"]["outcome_deadline"]


def test_the_layout_of_the_file_is_no_edit() -> None:
    """A formatter may change spaces, escapes and the order of keys."""
    manifest = full()
    data = json.loads(manifest.to_json())
    assert manifest == read_manifest(json.dumps(dict(reversed(data.items())), ensure_ascii=True), "a.json")


@pytest.mark.parametrize(
    "edit",
    [
        {"published_at": "2026-11-20T09:30:16Z"},
        {"sql": {"renewals_due.sql": "SELECT customer_no FROM everybody"}},
        {"templates": {}},
        {"campaign": {}},
        {"note": "hello"},
        {"seal": "0" * 64},
    ],
)
def test_an_edited_manifest_is_refused(edit: dict[str, object]) -> None:
    """Whatever is changed, added or taken away, the seal does not fit any more."""
    data = json.loads(full().to_json())
    assert f"dags/published/a.json: the manifest was edited after it was published.\n{NEXT}" == refusal(json.dumps(data | edit))


def test_every_byte_of_the_settings_is_sealed() -> None:
    """One changed number in the settings is noticed."""
    text = full().to_json()
    assert text.count('"count": 6') == 2
    assert "was edited after it was published" in refusal(text.replace('"count": 6', '"count": 7', 1))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "the manifest cannot be read: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)."),
        ('{"a": 1, "b": 2, "a": 3}', "the manifest cannot be read: the key 'a' is given twice."),
        ("[1]", "this is not a manifest; it has no seal."),
        ('{"campaign": {}}', "this is not a manifest; it has no seal."),
        ("[" * 100_000, "the manifest cannot be read: it is nested too deeply."),
    ],
)
def test_a_damaged_manifest_is_refused(text: str, said: str) -> None:
    """A file that is no whole manifest is named, with what to do."""
    assert f"dags/published/a.json: {said}\n{NEXT}" == refusal(text)


def test_a_manifest_of_another_version_is_refused() -> None:
    """A format that this version does not know is not guessed at."""
    data = json.loads(full().to_json()) | {"format": 2}
    expected = (
        "dags/published/a.json: the manifest has format 2, and this outcamp reads 1.\n"
        "  Next: Use the version of outcamp that published it, or a newer one."
    )
    assert expected == refusal(json.dumps(data))


def test_a_setting_that_this_version_does_not_know_is_refused() -> None:
    """A sealed manifest with a setting from the future is not read as if it were not there."""
    from outcamp.core.manifest import _seal_of

    data = json.loads(full().to_json())
    data["campaign"]["priority"] = "high"
    data["seal"] = _seal_of(data)
    expected = (
        "dags/published/a.json: this version of outcamp does not understand campaign.priority: Extra inputs are not permitted.\n"
        "  Next: Use the version of outcamp that published it, or a newer one."
    )
    assert expected == refusal(json.dumps(data))


def test_reading_manifests_loads_no_heavy_library() -> None:
    """Airflow reads manifests whenever it looks for DAGs: pandas, pyarrow, numpy, jinja2 and phonenumbers stay out."""
    code = (
        "import sys, outcamp.core.manifest, outcamp.core.schedule, outcamp.core.refused_settings;"
        "print([name for name in ('pandas', 'pyarrow', 'numpy', 'jinja2', 'phonenumbers', 'psycopg', 'airflow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(PLUGINS)}, capture_output=True, text=True, check=True)
    assert "[]\n" == done.stdout
