"""Campaigns in a running Airflow: whatever people do to runs, tasks and switches, the mail server's own log shows each message once."""

from __future__ import annotations

import json
import shutil
import urllib.error
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psutil
import pytest

from conftest import CROWD, PEOPLE, World
from outcamp.core.schedule import expires_at
from outcamp.steps.published import read_published

SOON = timedelta(seconds=10)  # within which a send notices that it may not go on


def test_the_plugin_and_the_dags_load_without_an_error(world: World) -> None:
    """Airflow registers the plugin once, and imports all DAG files."""
    assert [] == world.api("GET", "/plugins/importErrors")["import_errors"]
    assert ["outcamp"] == [plugin["name"] for plugin in world.api("GET", "/plugins")["plugins"]]
    assert [] == world.api("GET", "/importErrors")["import_errors"]


def test_clearing_a_whole_run_sends_nothing_again(world: World) -> None:
    """All tasks of a finished wave run again and find everything done."""
    world.wait(lambda: world.settled("cleared"), "the first pass")
    world.everybody_once("cleared")
    before = world.status("cleared").counts
    world.clear("cleared")
    world.wait(lambda: world.runs("cleared")[world.occurrence("cleared")] == "success", "the second pass")
    world.everybody_once("cleared")
    assert before == world.status("cleared").counts
    # What was done once is counted once.
    assert [PEOPLE] * 3 == [world.counted("cleared", metric) for metric in ("considered", "verdict.send", "sent")]
    assert any(line.startswith("airflow.outcamp.wave_lag,campaign=cleared:") for line in world.statsd.heard)


def test_airflow_shows_whose_campaign_it_is_and_where_its_files_lie(world: World) -> None:
    """Owner and tags, the frozen settings, links from each task, the snapshot's event, and why a wave's run was made."""
    in_two_days = f"{datetime.now(UTC) + timedelta(days=2):%a}".lower()
    world.publish("waiting", f'communication_time: {{time_zone: UTC, active: [{{days: {in_two_days}, from: "00:00", to: "24:00"}}]}}\n')
    world.wait(lambda: world.settled("cleared"), "the first pass")
    dag, run = world.api("GET", "/dags/outcamp.cleared/details"), world.occurrence("cleared")
    assert {"ops@example.com": "mailto:ops@example.com"} == dag["owner_links"]
    assert ["channel:email", "outcamp", "owner:ops@example.com"] == sorted(tag["name"] for tag in dag["tags"])
    assert "name: cleared\n" in dag["doc_md"]
    page = f"/dags/outcamp.cleared/runs/{run}/plugin/outcamp-wave"
    links = world.api("GET", f"/dags/outcamp.cleared/dagRuns/{run}/taskInstances/fan_out/links")["extra_links"]
    assert {"Wave": page, "Parquet": f"{page}#datasets"} == links
    (event,) = world.api("GET", "/assets/events?source_dag_id=outcamp.cleared")["asset_events"]
    folder = world.deployment.home / ".outcamp" / "lake" / "snapshots" / "campaign=cleared" / f"run={run}"
    assert ("outcamp.cleared.snapshot", PEOPLE, str(folder)) == (event["name"], event["extra"]["rows"], event["extra"]["path"])
    coming = "/dags/outcamp.waiting/dagRuns?run_type=operator_triggered"
    world.wait(lambda: len(_runs_of_dag(world, "waiting")) == 2, "the next wave")
    assert ["A wave for what is due by "] == [run["note"][:26] for run in world.api("GET", coming)["dag_runs"]]


def test_a_deleted_run_comes_again_and_does_nothing(world: World) -> None:
    """The timetable makes a deleted occurrence anew; the ledger knows that it is closed. The same after Delete of the whole DAG."""
    world.wait(lambda: world.settled("deleted-run"), "the first pass")
    run = world.occurrence("deleted-run")
    before = world.status("deleted-run").counts
    for path in (f"/dags/outcamp.deleted-run/dagRuns/{run}", "/dags/outcamp.deleted-run"):
        world.api("DELETE", path)
        world.wait(lambda: _runs_of_dag(world, "deleted-run").get(run) == "success", f"the run that is made anew after DELETE {path}")
    world.everybody_once("deleted-run")
    assert before == world.status("deleted-run").counts


def test_a_trigger_by_hand_is_an_occurrence_of_its_own(world: World) -> None:
    """Everybody is written to once more, and once only; without the form's tick nobody is."""
    world.wait(lambda: world.settled("triggered"), "the first pass")
    unasked = _trigger(world, "triggered", tick=False)
    world.wait(lambda: world.runs("triggered")[unasked] == "success", "the run without a tick")
    world.everybody_once("triggered")
    run = _trigger(world, "triggered")
    world.wait(lambda: world.runs("triggered")[run] == "success", "the run that was asked for")
    world.everybody_once("triggered", occurrences=2)


def test_outcomes_in_a_file_are_taken_in_by_the_pulse(world: World) -> None:
    """A soft bounce that a relay reports later replaces what the mail server said, and the file is put away."""
    world.wait(lambda: world.settled("triggered"), "the first pass")
    folder = world.deployment.home / ".outcamp" / "outcomes"
    folder.mkdir(exist_ok=True)
    event = {"reference": "triggered/0/1/p001", "disposition": "soft_bounced", "disposed_at": datetime.now(UTC).isoformat()}
    (folder / "relay.jsonl.part").write_text(json.dumps(event) + "\n", encoding="utf-8")
    (folder / "relay.jsonl.part").rename(folder / "relay.jsonl")
    world.wait((folder / "taken" / "relay.jsonl").exists, "the pulse after it")
    assert ("email", "soft_bounced", 1) in world.status("triggered").counts.dispositions


def test_clearing_a_single_task_sends_nothing_again(world: World) -> None:
    """Each kind of task of a finished wave, cleared alone, finds everything done."""
    cleared = {"cleared": ("snapshot", "fan_out", "send"), "triggered": ("filter", "feed_back")}
    before = {name: world.status(name).counts for name in cleared}
    tries = {(name, task): world.task(name, task)["try_number"] for name, tasks in cleared.items() for task in tasks}
    for name, task in tries:
        world.clear(name, task)
    for (name, task), before_it in tries.items():
        world.wait(lambda name=name, task=task, tried=before_it: world.task(name, task)["try_number"] > tried, f"{task} of {name}")
    for name in cleared:
        world.wait(lambda name=name: world.settled(name) and set(world.runs(name).values()) == {"success"}, f"the end of {name}")
        assert before[name] == world.status(name).counts


def test_of_a_repeated_campaign_the_latest_missed_occurrence_runs_and_then_the_next(world: World) -> None:
    """It began hours ago: one occurrence is made up for, and the next one comes at its instant, not before."""
    world.wait(lambda: world.status("repeated").counts.submitted == 2 * PEOPLE, "the next occurrence")
    world.wait(lambda: set(world.runs("repeated").values()) == {"success"}, "the end of its wave")
    missed, current = sorted(run for run in world.runs("repeated") if "-" not in run)
    at = datetime.strptime(current, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert timedelta(hours=1) == at - datetime.strptime(missed, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert at <= min(world.inbox.arrivals["repeated"][PEOPLE:])
    world.everybody_once("repeated", occurrences=2)
    assert "Active" == world.status("repeated").state


def test_a_pause_holds_the_send_and_loses_nobody(world: World) -> None:
    """While the DAG is paused the running send gives the rest back, and status says so; unpaused, the rest goes, each once."""
    _begin(world, "paused", pace=0.1)
    paused_at = datetime.now(UTC)
    world.pause("paused")
    world.wait(lambda: world.status("paused").counts.in_hand == 0, "the end of the send")
    (told,) = json.loads(world.outcamp("status", "paused", "--json"))
    held = world.status("paused").counts
    world.inbox.hurry("paused")
    assert "Paused" == told["state"]
    assert PEOPLE == held.submitted + held.waiting
    assert held.submitted == len(world.received("paused")) < PEOPLE
    assert [] == [at for at in world.inbox.arrivals["paused"] if at > paused_at + SOON]
    world.pause("paused", paused=False)
    world.wait(lambda: world.settled("paused"), "the rest")
    world.everybody_once("paused")


def test_a_stop_in_mid_send_is_final(world: World) -> None:
    """The send ends at once; Trigger, Clear and a flip of the switch afterwards send nothing."""
    _begin(world, "stopped", pace=0.1, people="crowd")
    stopped_at = datetime.now(UTC)
    world.outcamp("stop", "stopped")
    world.wait(lambda: set(world.runs("stopped").values()) == {"success"}, "the end of the wave")
    run = _trigger(world, "stopped")
    world.clear("stopped")
    world.pause("stopped")
    world.pause("stopped", paused=False)
    world.wait(lambda: world.runs("stopped")[run] == "success" and set(world.runs("stopped").values()) == {"success"}, "what follows")
    assert [] == [at for at in world.inbox.arrivals["stopped"] if at > stopped_at + SOON]
    _ended(world, "stopped", "Stopped")


def test_the_expiry_in_mid_send_stops_the_rest(world: World) -> None:
    """What has not gone by then never goes, and the campaign is over."""
    expires = expires_at(read_published(world.deployment.home, "expired").campaign.schedule)
    world.wait(lambda: world.status("expired").state == "Completed" and world.status("expired").counts.open_entries == 0, "the last exit")
    assert [] == [at for at in world.inbox.arrivals["expired"] if at > expires + SOON]
    _ended(world, "expired", "Completed")


def test_a_wave_that_failed_for_good_goes_on_when_somebody_resumes(world: World) -> None:
    """The run is red and the campaign in Error with the reason; once its cause is gone, everybody gets the message once."""
    world.wait(lambda: world.status("failed").state == "Error", "the error")
    run = world.occurrence("failed")
    world.wait(lambda: world.runs("failed")[run] == "failed", "the end of the run")
    assert f"a task of the wave {run} failed" == world.status("failed").reason
    assert [] == world.inbox.arrivals["failed"]
    assert {"ops": 1} == world.received("outcamp: failed is in Error")
    shutil.copy(world.deployment.home / "people.csv", world.deployment.home / "late.csv")
    world.outcamp("resume", "failed")
    world.wait(lambda: world.settled("failed"), "the second pass")
    world.everybody_once("failed")
    assert "success" == world.runs("failed")[run]


def _clear_before_send(world: World, name: str) -> None:
    for task in ("snapshot", "filter", "fan_out"):
        world.clear(name, task)


def _delete_run(world: World, name: str) -> None:
    path = f"/dags/outcamp.{name}/dagRuns/{world.occurrence(name)}"
    with pytest.raises(urllib.error.HTTPError, match="Conflict"):  # Airflow refuses while the run goes on
        world.api("DELETE", path)
    world.api("PATCH", path, {"state": "failed"})  # the send's process does not know yet
    world.api("DELETE", path)


def _delete_dag(world: World, name: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="Conflict"):
        world.api("DELETE", f"/dags/outcamp.{name}")
    world.api("PATCH", f"/dags/outcamp.{name}/dagRuns/{world.occurrence(name)}", {"state": "failed"})
    world.api("DELETE", f"/dags/outcamp.{name}")


def _kill_send(world: World, name: str) -> None:
    psutil.Process(world.task(name, "send")["pid"]).kill()


def _mark_failed(world: World, name: str) -> None:
    world.mark(name, "send", "failed")
    world.wait(lambda: world.status(name).state == "Error", f"the error of {name}")
    world.outcamp("resume", name)


def _begin_a_second_try(world: World, name: str) -> None:
    """Let a send stand still until Airflow has given it up and another try is at work; then it wakes."""
    send = psutil.Process(world.task(name, "send")["pid"])
    supervisor = send.parent()
    send.suspend()
    supervisor.suspend()
    world.wait(lambda: world.task(name, "send")["try_number"] == 2, "the second try")
    began = len(world.inbox.arrivals[name])
    world.wait(lambda: len(world.inbox.arrivals[name]) > began, "the first message of the second try")
    send.resume()
    supervisor.resume()


DEEDS: dict[str, Callable[[World, str], None]] = {
    "cleared-before-send": _clear_before_send,
    "cleared-send": lambda world, name: world.clear(name, "send"),
    "killed-send": _kill_send,
    "marked-success": lambda world, name: world.mark(name, "send", "success"),
    "deleted-run-in-send": _delete_run,
    "deleted-dag-in-send": _delete_dag,
    "marked-failed": _mark_failed,
    "two-tries": _begin_a_second_try,
}


@pytest.fixture(scope="module")
def after_the_deeds(world: World) -> World:
    """Each campaign has had its deed done to it while its send was at work."""
    for name in DEEDS:
        world.inbox.slow_down(name)
        world.publish(name)
    for name, deed in DEEDS.items():
        world.wait(lambda name=name: world.inbox.is_slow(name), f"the send of {name}")
        deed(world, name)
        world.inbox.hurry(name)
    return world


@pytest.mark.parametrize("name", DEEDS)
def test_whatever_happens_to_a_send_at_work_nobody_gets_two_and_nobody_is_lost(after_the_deeds: World, name: str) -> None:
    """Clear, Mark, Delete, kill -9 and two tries at once: the rest goes on by itself, and only what was in hand may be unknown."""
    world = after_the_deeds
    world.wait(lambda: _settled_after_delete(world, name), f"the end of {name}")
    world.everybody_once(name)
    assert len(world.unknown(name)) <= 50


def test_a_bad_manifest_is_named_and_stops_nobody_else(world: World) -> None:
    """One edited manifest is an import error of its own; the DAGs of the others stay, and a new one begins."""
    bad = world.deployment.home / "dags" / "published" / "broken.json"
    bad.write_text('{"format": 1, "seal": "made up"}', encoding="utf-8")

    def errors() -> list[str]:
        return [error["stack_trace"] for error in world.api("GET", "/importErrors")["import_errors"]]

    world.wait(lambda: len(errors()) > 0, "the import error")
    world.publish("beside")
    world.wait(lambda: world.settled("beside"), "the campaign beside the bad one")
    world.everybody_once("beside")
    (error,) = errors()
    assert "dags/published/broken.json: the manifest was edited after it was published." in error
    assert not world.api("GET", "/dags/outcamp.cleared")["is_stale"]
    bad.unlink()
    world.wait(lambda: not errors(), "the end of the import error")


def _begin(world: World, name: str, pace: float = 1.0, people: str = "people") -> None:
    """Publish a campaign and wait until its send is at work, slowly."""
    world.inbox.slow_down(name, pace=pace)
    world.publish(name, people=people)
    world.wait(lambda: world.inbox.is_slow(name), f"the send of {name}")


def _trigger(world: World, name: str, *, tick: bool = True) -> str:
    asked = {"logical_date": None, "conf": {"contact_again": True} if tick else {}}
    run: str = world.api("POST", f"/dags/outcamp.{name}/dagRuns", asked)["dag_run_id"]
    return run


def _ended(world: World, name: str, state: str) -> None:
    """Some got the message and nobody twice; all others left the campaign without it."""
    status, received = world.status(name), world.received(name)
    assert {1} == set(received.values())
    assert status.counts.submitted == len(received.keys() | world.unknown(name)) < CROWD
    assert (state, 0, 0, 0) == (status.state, status.counts.waiting, status.counts.in_hand, status.counts.open_entries)
    assert status.balanced


def _runs_of_dag(world: World, name: str) -> dict[str, str]:
    """The runs of a campaign whose DAG may be gone at the moment."""
    try:
        return world.runs(name)
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        return {}


def _settled_after_delete(world: World, name: str) -> bool:
    return world.status(name).state == "Completed" and bool(runs := _runs_of_dag(world, name)) and "running" not in runs.values()
