"""Campaigns in a running Airflow: whatever people do to runs and switches, the mail server's own log shows each message once."""

from __future__ import annotations

import pytest

from conftest import PEOPLE, World

pytestmark = pytest.mark.xdist_group("airflow")


def everybody_once(world: World, name: str, occurrences: int = 1) -> None:
    """Each person got one message of each occurrence, and none twice."""
    received = world.received(name)
    assert {1} == set(received.values())
    assert PEOPLE * occurrences == len(received)


def test_the_plugin_and_the_dags_load_without_an_error(world: World) -> None:
    """Airflow registers the plugin once, and imports all DAG files."""
    assert [] == world.deployment.api("GET", "/plugins/importErrors")["import_errors"]
    assert ["outcamp"] == [plugin["name"] for plugin in world.deployment.api("GET", "/plugins")["plugins"]]
    assert [] == world.deployment.api("GET", "/importErrors")["import_errors"]


def test_clearing_a_whole_run_sends_nothing_again(world: World) -> None:
    """All tasks of a finished wave run again and find everything done."""
    world.wait(lambda: world.settled("cleared"), "the first pass")
    everybody_once(world, "cleared")
    before = world.status("cleared").counts
    (run,) = (run for run in world.runs("cleared") if "-" not in run)
    body = {"dry_run": False, "dag_run_id": run, "only_failed": False, "reset_dag_runs": True}
    world.deployment.api("POST", "/dags/outcamp.cleared/clearTaskInstances", body)
    world.wait(lambda: world.runs("cleared")[run] == "success", "the second pass")
    everybody_once(world, "cleared")
    assert before == world.status("cleared").counts


def test_a_deleted_run_comes_again_and_does_nothing(world: World) -> None:
    """The timetable makes a deleted occurrence anew; the ledger knows that it is closed."""
    world.wait(lambda: world.settled("deleted-run"), "the first pass")
    (run,) = (run for run in world.runs("deleted-run") if "-" not in run)
    before = world.status("deleted-run").counts
    world.deployment.api("DELETE", f"/dags/outcamp.deleted-run/dagRuns/{run}")
    world.wait(lambda: world.runs("deleted-run").get(run) == "success", "the run that is made anew")
    everybody_once(world, "deleted-run")
    assert before == world.status("deleted-run").counts


def test_a_trigger_by_hand_is_an_occurrence_of_its_own(world: World) -> None:
    """Everybody is written to once more, and once only."""
    world.wait(lambda: world.settled("triggered"), "the first pass")
    made = world.deployment.api("POST", "/dags/outcamp.triggered/dagRuns", {"logical_date": None, "conf": {}})
    world.wait(lambda: world.runs("triggered")[made["dag_run_id"]] == "success", "the run that was asked for")
    everybody_once(world, "triggered", occurrences=2)
    assert world.status("triggered").balanced


def test_a_pause_holds_the_send_and_loses_nobody(world: World) -> None:
    """While the DAG is paused the running sends give the rest back; unpaused, the rest goes, each once."""
    world.inbox.pace = 0.1
    world.publish("paused")
    world.wait(lambda: len(world.received("paused")) > 0, "the first message")
    world.deployment.api("PATCH", "/dags/outcamp.paused?update_mask=is_paused", {"is_paused": True})
    world.wait(lambda: world.status("paused").counts.in_hand == 0, "the end of the sends")
    held = world.status("paused").counts
    world.inbox.pace = 0.0
    world.deployment.api("PATCH", "/dags/outcamp.paused?update_mask=is_paused", {"is_paused": False})
    world.wait(lambda: world.settled("paused"), "the rest")
    everybody_once(world, "paused")
    assert PEOPLE == held.submitted + held.waiting


def test_a_bad_manifest_is_named_and_stops_nobody_else(world: World) -> None:
    """One edited manifest is an import error of its own; the DAGs of the others stay, and a new one begins."""
    bad = world.deployment.home / "dags" / "published" / "broken.json"
    bad.write_text('{"format": 1, "seal": "made up"}', encoding="utf-8")

    def errors() -> list[str]:
        return [error["stack_trace"] for error in world.deployment.api("GET", "/importErrors")["import_errors"]]

    world.wait(lambda: len(errors()) > 0, "the import error")
    world.publish("beside")
    world.wait(lambda: world.settled("beside"), "the campaign beside the bad one")
    everybody_once(world, "beside")
    (error,) = errors()
    assert "dags/published/broken.json: the manifest was edited after it was published." in error
    assert not world.deployment.api("GET", "/dags/outcamp.cleared")["is_stale"]
    bad.unlink()
    world.wait(lambda: not errors(), "the end of the import error")
