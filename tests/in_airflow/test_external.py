"""Pushes to an external campaign in a running Airflow: the pulse or a Trigger makes their runs, and each person gets one message."""

from __future__ import annotations

from conftest import CAMPAIGN, World


def test_each_push_is_a_run_and_each_person_gets_one_message(world: World) -> None:
    """The pulse takes the first push up and a Trigger the second; pushed or cleared again, nobody gets a second message."""
    home = world.deployment.home
    text = CAMPAIGN.format(name="pushed", more="", people="people").replace("{file: people.csv}", "external")
    (home / "dags" / "campaigns" / "pushed.yaml").write_text(text, encoding="utf-8")
    world.outcamp("publish", "pushed")
    for number in (1, 2):
        row = f"p00{number},p00{number}@example.com,Pat{number}\n"
        (home / f"{number}.csv").write_text(f"recipient_id,email,first_name\n{row}", encoding="utf-8")
    world.outcamp("push", "pushed", str(home / "1.csv"))
    world.wait(lambda: world.received("pushed") == {"p001": 1}, "the run of the first push")
    world.outcamp("push", "pushed", str(home / "1.csv"))
    world.outcamp("push", "pushed", str(home / "2.csv"))
    world.api("POST", "/dags/outcamp.pushed/dagRuns", {"logical_date": None})
    world.wait(lambda: world.received("pushed") == {"p001": 1, "p002": 1}, "the run of the second push")
    world.wait(lambda: set(world.runs("pushed").values()) == {"success"}, "the end of all runs")
    pushes = [run for run in world.runs("pushed") if run.startswith("push-")]
    assert 2 == len(pushes)
    for run in pushes:
        world.api("POST", "/dags/outcamp.pushed/clearTaskInstances", {"dry_run": False, "dag_run_id": run, "only_failed": False})
    world.wait(lambda: set(world.runs("pushed").values()) == {"success"}, "the second pass")
    assert {"p001": 1, "p002": 1} == world.received("pushed")
    assert ("Active", True) == (world.status("pushed").state, world.status("pushed").balanced)
