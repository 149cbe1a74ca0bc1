"""The files in dags/ as Airflow's DAG processor runs them: light, one DAG when one is asked for, and never an error for all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drafts import HEAD, campaign
from outcamp.core.manifest import seal_manifest

ROOT = Path(__file__).parents[1]
SCRIPT = """
import json, runpy, sys
found = runpy.run_path(sys.argv[1])
from airflow.sdk import DAG
dags = {name: value for name, value in found.items() if isinstance(value, DAG)}
heavy = [name for name in ("pandas", "numpy", "pyarrow", "psycopg", "phonenumbers") if name in sys.modules]
shape = {dag.dag_id: {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks} for dag in dags.values()}
starts = {dag.dag_id: [type(dag.timetable).__name__, sorted(dag.params)] for dag in dags.values()}
doc = next((dag.doc_md for dag in dags.values()), None)
print(json.dumps({"dags": sorted(shape), "heavy": heavy, "shape": shape, "starts": starts, "doc": doc}))
"""


def publish(home: Path, *names: str, more: str = "", head: str = HEAD) -> None:
    (home / "dags" / "published").mkdir(parents=True, exist_ok=True)
    for name in names:
        settings = campaign(more, head).model_copy(update={"name": name})
        manifest = seal_manifest(settings, datetime(2026, 12, 1, tzinfo=UTC), {}, {})
        (home / "dags" / "published" / f"{name}.json").write_text(manifest.to_json(), encoding="utf-8")


def parse(file: str, home: Path, asked: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a DAG file as Airflow does, in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "OUTCAMP", "_AIRFLOW"))}
    environment |= {
        "OUTCAMP_HOME": str(home),
        "PYTHONPATH": str(ROOT / "plugins"),
        "PYTHONWARNINGS": "ignore",
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
    }
    if asked:
        environment["_AIRFLOW_PARSING_CONTEXT_DAG_ID"] = asked
    command = [sys.executable, "-c", SCRIPT, str(ROOT / "dags" / file)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def parsed(file: str, home: Path, asked: str | None = None) -> dict[str, Any]:
    done = parse(file, home, asked)
    assert 0 == done.returncode, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_each_published_campaign_is_a_dag_and_nothing_heavy_is_loaded(tmp_path: Path) -> None:
    """All campaigns are built from their manifests, without pandas, pyarrow or a database driver."""
    publish(tmp_path, "autumn", "spring")
    found = parsed("campaigns.py", tmp_path)
    assert ["outcamp.autumn", "outcamp.spring"] == found["dags"]
    assert [] == found["heavy"]


def test_only_the_dag_that_airflow_asks_for_is_built(tmp_path: Path) -> None:
    """A task's process builds its own campaign, however many there are; a DAG of somebody else builds none."""
    publish(tmp_path, "autumn", "spring")
    assert ["outcamp.spring"] == parsed("campaigns.py", tmp_path, "outcamp.spring")["dags"]
    assert [] == parsed("campaigns.py", tmp_path, "somebody.else")["dags"]


def test_the_tasks_of_a_wave_are_joined_as_designed(tmp_path: Path) -> None:
    """The next wave is made beside the send, and the watcher is the only leaf, so that a failed task makes the run red."""
    publish(tmp_path, "spring")
    assert {
        "snapshot": ["filter", "watch"],
        "filter": ["fan_out", "watch"],
        "fan_out": ["next_wave", "send", "watch"],
        "next_wave": ["feed_back", "watch"],
        "send": ["feed_back", "watch"],
        "feed_back": ["watch"],
        "watch": [],
    } == parsed("campaigns.py", tmp_path)["shape"]["outcamp.spring"]


def test_an_external_campaign_has_no_schedule_and_asks_nothing(tmp_path: Path) -> None:
    """Its runs are made for pushes, and a Trigger contacts nobody again."""
    publish(tmp_path, "spring", head=HEAD.replace("{file: people.csv}", "external"))
    publish(tmp_path, "autumn")
    assert {"outcamp.autumn": ["CampaignTimetable", ["contact_again"]], "outcamp.spring": ["NullTimetable", []]} == parsed(
        "campaigns.py", tmp_path
    )["starts"]


def test_a_review_stands_before_the_sends(tmp_path: Path) -> None:
    """Nothing else waits for it, and a Reject skips what follows it directly: the sends alone."""
    publish(tmp_path, "spring", more="review: true\n")
    found = parsed("campaigns.py", tmp_path)
    shape = found["shape"]["outcamp.spring"]
    assert (["approve", "next_wave", "send", "watch"], ["send"]) == (shape["fan_out"], shape["approve"])
    assert [] == found["heavy"]


def test_the_frozen_settings_are_the_dags_page(tmp_path: Path) -> None:
    """Who opens the DAG in Airflow reads what was published."""
    publish(tmp_path, "spring")
    doc = parsed("campaigns.py", tmp_path)["doc"]
    assert doc.startswith("Published 2026-12-01 00:00:00 UTC, seal `")
    assert "name: spring\n" in doc
    assert "body: Hello\n" in doc


def test_a_bad_manifest_is_left_out_and_named_by_the_other_file(tmp_path: Path) -> None:
    """campaigns.py builds the others; campaign_errors.py raises one error that names each bad manifest and what to do."""
    publish(tmp_path, "autumn", "spring")
    bad = tmp_path / "dags" / "published" / "spring.json"
    bad.write_text(bad.read_text(encoding="utf-8").replace("Hello", "Hullo"), encoding="utf-8")
    assert ["outcamp.autumn"] == parsed("campaigns.py", tmp_path)["dags"]
    done = parse("campaign_errors.py", tmp_path)
    assert 1 == done.returncode
    assert (
        "ManifestError: dags/published/spring.json: the manifest was edited after it was published.\n"
        "  Next: Restore the file from version control; to change a campaign, publish it under a new name.\n"
    ) in done.stderr


def test_without_a_bad_manifest_there_is_no_error(tmp_path: Path) -> None:
    """campaign_errors.py defines no DAG, and is silent as long as all manifests are good."""
    publish(tmp_path, "spring")
    assert [] == parsed("campaign_errors.py", tmp_path)["dags"]


def test_the_dispositions_dag_is_there_without_any_campaign(tmp_path: Path) -> None:
    """One DAG takes in the outcomes of all campaigns."""
    assert ["outcamp.dispositions"] == parsed("dispositions.py", tmp_path)["dags"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "OUTCAMP_PULSE",
            "often",
            "OUTCAMP_PULSE is 'often', which is no number of seconds.\n  Next: Write whole seconds from 1 to 86400: 300.",
        ),
        (
            "OUTCAMP_WAVE_INTERVAL",
            "0",
            "OUTCAMP_WAVE_INTERVAL is '0', which is no number of seconds.\n  Next: Write whole seconds from 1 to 86400: 300.",
        ),
        (
            "OUTCAMP_HOME",
            "/nowhere/at/all",
            "OUTCAMP_HOME is '/nowhere/at/all', which is not a folder.\n  Next: Set it to the root of the project, or unset it.",
        ),
        ("OUTCAMP_SIMULATOR_SEED", "x", "OUTCAMP_SIMULATOR_SEED is 'x', which is no whole number.\n  Next: Write a number, or unset it."),
        *(
            (
                "OUTCAMP_RETENTION",
                text,
                f"OUTCAMP_RETENTION is {text!r}, which is no duration of a day or more.\n"
                "  Next: Write a whole number and a unit: 400 days.",
            )
            for text in ("400", "400 dayz", "0 days", "23 hours", "-1 days", "for ever")
        ),
        (
            "OUTCAMP_TOTAL_LIMITS",
            "6 a day",
            "OUTCAMP_TOTAL_LIMITS is '6 a day', which is no list of limits.\n"
            '  Next: Write a list as JSON: [{"count": 6, "within": "2 days"}].',
        ),
    ],
)
def test_a_setting_that_says_nothing_is_named(name: str, text: str, message: str) -> None:
    """A wrong setting of the environment is refused by its name, with the form that is right."""
    from outcamp.core.errors import UsageError
    from outcamp.dag.settings import read_settings

    with pytest.raises(UsageError) as raised:
        read_settings({name: text})
    assert message == str(raised.value)


def test_settings_have_the_documented_defaults(tmp_path: Path) -> None:
    """Without anything in the environment, waves and pulses come every five minutes and the lake lies below the project."""
    from outcamp.dag.settings import read_settings

    settings = read_settings({"OUTCAMP_HOME": str(tmp_path), "OUTCAMP_TOTAL_LIMITS": '[{"count": 6, "within": "2 days"}]'})
    assert (300.0, 300.0) == (settings.wave_interval.total_seconds(), settings.pulse.total_seconds())
    assert tmp_path / ".outcamp" / "lake" == settings.store
    assert [6] == [limit.count for limit in settings.total_limits]
    assert settings.retention is None


def test_a_retention_is_written_as_campaign_files_write_durations() -> None:
    """A number and a unit, of a day or more."""
    from outcamp.dag.settings import read_settings

    assert [1, 400, 730] == [read_settings({"OUTCAMP_RETENTION": text}).retention.days for text in ("24 hours", "400 days", " 730  days ")]
