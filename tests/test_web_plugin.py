"""What outcamp gives to Airflow's plugin loader: pages, tabs and links, and nothing heavy where no page is served."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from outcamp.web.links import DatasetsLink, WaveLink

ROOT = Path(__file__).parents[1]
SCRIPT = """
import json, sys
from airflow import plugins_manager
plugins, errors = plugins_manager._get_plugins()
(ours,) = [plugin for plugin in plugins if plugin.name == "outcamp"]
views = [[view["name"], view["destination"], view["href"]] for view in ours.external_views]
links = [link.name for link in ours.global_operator_extra_links]
heavy = [name for name in ("pandas", "pyarrow", "psycopg", "outcamp.web.app", "outcamp.web.pages") if name in sys.modules]
print(json.dumps({"errors": errors, "views": views, "links": links, "heavy": heavy}))
"""


def loaded(home: Path, **more: str) -> dict[str, Any]:
    """What Airflow's plugin loader finds, in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "OUTCAMP", "_AIRFLOW"))}
    environment |= {
        "PYTHONPATH": str(ROOT / "plugins"),
        "PYTHONWARNINGS": "ignore",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        **more,
    }
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_airflow_finds_the_pages_and_links(tmp_path: Path) -> None:
    """The plugin loads without an error, names its three places and two links, and has not imported what only a page needs."""
    assert {
        "errors": {},
        "views": [
            ["Campaigns", "nav", "/outcamp/"],
            ["Campaign", "dag", "/outcamp/campaigns/{DAG_ID}/"],
            ["Wave", "dag_run", "/outcamp/campaigns/{DAG_ID}/waves/{RUN_ID}/"],
        ],
        "links": ["Wave", "Parquet"],
        "heavy": [],
    } == loaded(tmp_path)


def test_airflow_below_a_path_has_its_pages_there(tmp_path: Path) -> None:
    """Where Airflow itself is served below a path, so are the pages."""
    found = loaded(tmp_path, AIRFLOW__API__BASE_URL="https://example.com/airflow")
    assert ["/airflow/outcamp/", "/airflow/outcamp/campaigns/{DAG_ID}/"] == [view[2] for view in found["views"][:2]]


@pytest.mark.filterwarnings("ignore")
def test_a_task_links_to_its_wave_and_its_files() -> None:
    """A task of a campaign leads to its wave's page; a task of another DAG has no such link."""
    wave = "/dags/outcamp.spring/runs/manual__2026-12-01T00%3A00%3A00%2B00%3A00/plugin/outcamp-wave"
    ours = SimpleNamespace(dag_id="outcamp.spring", run_id="manual__2026-12-01T00:00:00+00:00")
    other = SimpleNamespace(dag_id="reports", run_id="x")
    assert [wave, f"{wave}#datasets", "", ""] == [
        link().get_link(None, ti_key=key) for key in (ours, other) for link in (WaveLink, DatasetsLink)
    ]
