"""Processes of a running deployment are killed in mid-send: nothing goes twice, nobody is lost, and all goes on by itself."""

from __future__ import annotations

from contextlib import suppress

from conftest import PEOPLE, World
from outcamp.core.errors import LedgerUnavailable


def begin(world: World, name: str) -> None:
    """Publish a campaign and wait until its send is at work, slowly."""
    world.inbox.slow_down(name)
    world.publish(name)
    world.wait(lambda: world.inbox.is_slow(name), f"the send of {name}")


def goes_on(world: World, name: str) -> None:
    """The campaign comes to its end, and what may have been lost with the answer is one chunk."""
    world.inbox.hurry(name)
    world.wait(lambda: world.settled(name), f"the end of {name}")
    world.everybody_once(name)
    assert len(world.unknown(name)) <= 50


def test_the_scheduler_is_killed(world: World) -> None:
    """The send at work does not need it; the next scheduler finds the task lost and starts it again."""
    begin(world, "scheduler-killed")
    world.deployment.kill("scheduler")
    began = len(world.inbox.arrivals["scheduler-killed"])
    world.wait(lambda: len(world.inbox.arrivals["scheduler-killed"]) > began, "the next message")
    world.deployment.start_missing()
    goes_on(world, "scheduler-killed")


def test_postgres_is_killed(world: World) -> None:
    """Without the ledger nothing more is sent than the chunk in hand; when it is back, the rest goes."""
    begin(world, "postgres-killed")
    world.deployment.kill_database()
    with suppress(LedgerUnavailable):
        world.status("postgres-killed")
        raise AssertionError("the ledger answers")
    world.inbox.hurry("postgres-killed")
    world.wait(lambda: len(world.received("postgres-killed")) == 50, "the end of the chunk in hand")
    world.deployment.start_database()
    assert 50 == len(world.received("postgres-killed")) < PEOPLE
    world.deployment.start_missing()
    goes_on(world, "postgres-killed")


def test_everything_is_killed(world: World) -> None:
    """After a power cut the deployment starts again, and the campaign goes on where it was."""
    begin(world, "all-killed")
    world.deployment.kill_everything()
    world.deployment.start_database()
    world.deployment.start_missing()
    goes_on(world, "all-killed")
