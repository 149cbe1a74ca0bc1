"""Breakers: a campaign of which too much fails, or is complained about, goes into Error by itself, and on when somebody has looked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest

from outcamp.core.breakers import COMPLAINTS, FAILURES, Tally, tripped
from outcamp.core.dispositions import DISPOSITIONS, NEVER_REACHED
from outcamp.core.limits import Breakers
from outcamp.core.run_key import run_key
from outcamp.steps.outcome_files import take_in_file
from outcamp.steps.send import Sent, send
from outcamp.steps.status import campaign_status
from outcamp.steps.stop import resume
from outcamp.transports.base import Capabilities, OutcomesFromOutside, same_answer
from small_world import NOW, RUN, World, make_world

MINUTE = timedelta(minutes=1)
HEAD = """\
name: spring
segment: {file: people.csv}
channel: email
channels: {email: {transport: smtp, subject: Hi, body: Hello}}
"""
BOTH = "breakers: {errors: 5%, complaints: 0.1%}\n"
ALL_FAILED = "100 of 100 email attempts failed (100.00%), and breakers.errors is 5%"
CHUNKS = Capabilities(chunk_size=50)


@dataclass
class Relay(OutcomesFromOutside):
    """Answers every row of a chunk alike: the first chunks as it is told, all others as delivered."""

    says: list[str | None] = field(default_factory=list)
    capabilities: Capabilities = CHUNKS
    given: int = 0

    def submit(self, rows: pa.Table, now: datetime) -> pa.Table:
        """Answer a chunk; None: nobody knows what became of it."""
        said = self.says.pop(0) if self.says else "delivered"
        self.given += rows.num_rows
        status = "unknown" if said is None else "accepted" if said == "delivered" else "refused"
        return same_answer(rows.num_rows, status=status, disposition=said, disposed_at=now if said else None)


@pytest.fixture
def world(database_uri: str, tmp_path: Path) -> Iterator[Callable[..., tuple[World, Relay]]]:
    """Makes a campaign of 200 people with a relay that says these things, up to its batches."""
    people = [{"recipient_id": f"p{number:03}", "email": f"p{number}@example.com"} for number in range(200)]
    with ExitStack() as stack:

        def make(*says: str | None, more: str = BOTH) -> tuple[World, Relay]:
            here, relay = make_world(stack, database_uri, tmp_path, more, HEAD, people), Relay(list(says))
            here.engine = replace(here.engine, transports={here.engine.campaign.channel: relay})
            here.batches()
            return here, relay

        yield make


def go(world: World, run: str = RUN, at: datetime = NOW) -> Sent:
    return send(world.engine, run, 0, lambda: at)


def standing(world: World) -> tuple[str, str | None]:
    """The campaign's state, and the reason that status shows."""
    found = campaign_status(world.engine.ledger, "spring", world.engine.manifest, NOW, MINUTE)
    return found.state, found.reason


def tell(world: World, folder: Path, disposition: str, count: int) -> None:
    """Take in a file of outcomes of the first attempts."""
    sent = [name for (name,) in world.rows("SELECT recipient_id FROM outcamp.attempts WHERE submitted_at IS NOT NULL ORDER BY 1")]
    at = (NOW + MINUTE).isoformat()
    lines = [json.dumps({"reference": f"spring/0/1/{name}", "disposition": disposition, "disposed_at": at}) for name in sent[:count]]
    file = folder / f"{disposition}.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    take_in_file(world.engine.ledger, {"spring": world.engine.manifest}.get, file, lambda: NOW + 2 * MINUTE)


# The rule.


@pytest.mark.parametrize(
    ("tally", "reason"),
    [
        (Tally("sms", 1000, 50, 0), None),
        (Tally("sms", 1000, 51, 0), "51 of 1,000 sms attempts failed (5.10%), and breakers.errors is 5%"),
        (Tally("sms", 99, 99, 0), None),
        (Tally("sms", 100, 6, 0), "6 of 100 sms attempts failed (6.00%), and breakers.errors is 5%"),
        (Tally("email", 200, 0, 2), None),
        (Tally("email", 200, 0, 3), "3 of 200 email attempts were complained about (1.50%), and breakers.complaints is 0.1%"),
        (Tally("email", 3000, 0, 3), None),
        (Tally("email", 2999, 0, 3), "3 of 2,999 email attempts were complained about (0.10%), and breakers.complaints is 0.1%"),
    ],
)
def test_a_line_is_passed_by_more_than_its_share(tally: Tally, reason: str | None) -> None:
    """Of 100 outcomes at least, and by three people at least."""
    assert reason == tripped(Breakers(errors="5%", complaints="0.1%"), [Tally("agent_voice", 500, 0, 0), tally])


def test_a_line_that_is_not_drawn_is_not_passed() -> None:
    """Each of the two may be left out."""
    bad = [Tally("email", 1000, 1000, 1000)]
    assert (None, None) == (tripped(Breakers(), bad), tripped(Breakers(errors="100%"), bad))
    assert "were complained about" in str(tripped(Breakers(complaints="1%"), bad))


def test_what_fails_is_what_reached_nobody_and_what_nobody_knows() -> None:
    """Every channel's own codes; a phone that nobody answers is no failure."""
    assert {channel: {*codes, "unknown"} for channel, codes in NEVER_REACHED.items()} == {
        channel: {*codes} for channel, codes in FAILURES.items()
    }
    assert {"complained"} == COMPLAINTS & {code for codes in DISPOSITIONS.values() for code in codes}


# While it sends.


def test_a_campaign_of_which_too_much_fails_stops_sending(world: Callable[..., tuple[World, Relay]]) -> None:
    """The next chunk does not go: the rest waits, and the campaign is in Error with the reason."""
    here, relay = world("bounced", "bounced")
    assert Sent(100, 100) == go(here)
    assert 100 == relay.given
    assert ("Error", ALL_FAILED) == standing(here)
    assert [("error", 100)] == here.rows("SELECT waits_for, count(*) FROM outcamp.attempts WHERE state = 'waiting' GROUP BY 1")


def test_what_nobody_knows_is_a_failure(world: Callable[..., tuple[World, Relay]]) -> None:
    """A relay that breaks off every contact leaves two chunks in doubt, not the whole campaign."""
    here, _ = world(None, None)
    assert Sent(100, 100) == go(here)
    assert ("Error", ALL_FAILED) == standing(here)


def test_without_breakers_nothing_is_counted(world: Callable[..., tuple[World, Relay]]) -> None:
    """A campaign that draws no line goes on."""
    here, _ = world("bounced", "bounced", "bounced", "bounced", more="")
    assert Sent(200, 0) == go(here)
    assert [] == here.rows("SELECT 1 FROM outcamp.tallies")


def test_somebody_who_resumes_begins_a_new_count(world: Callable[..., tuple[World, Relay]]) -> None:
    """What had failed before has been looked at; the rest goes with the next wave."""
    here, _ = world("bounced", "bounced")
    go(here)
    assert ALL_FAILED == resume(here.engine.ledger, here.engine.manifest)
    at = NOW + MINUTE
    here.due(at)
    assert Sent(100, 0) == go(here, run_key(at, 1), at)
    assert [("email", 100, 0, 0)] == here.rows("SELECT channel, ended, failed, complained FROM outcamp.tallies")


def test_a_second_breaker_does_not_hide_the_first_reason(world: Callable[..., tuple[World, Relay]], tmp_path: Path) -> None:
    """The reason that stands is the one that somebody has to look at."""
    here, _ = world("bounced", "bounced")
    go(here)
    tell(here, tmp_path, "complained", 50)
    assert ("Error", ALL_FAILED) == standing(here)


def test_a_count_that_fails_costs_no_answer(world: Callable[..., tuple[World, Relay]]) -> None:
    """The answers stand before anything is counted: whoever dies there has sent nobody twice, and the next try goes on."""
    here, relay = world("bounced")
    here.change("ALTER TABLE outcamp.tallies RENAME TO away")
    with pytest.raises(psycopg.errors.UndefinedTable):
        go(here)
    here.change("ALTER TABLE outcamp.away RENAME TO tallies")
    assert [("bounced", 50)] == here.rows("SELECT disposition, count(*) FROM outcamp.attempts WHERE state = 'closed' GROUP BY 1")
    assert Sent(150, 0) == go(here)
    assert 200 == relay.given


# When outcomes come in.


def test_complaints_that_come_in_later_hold_the_campaign(world: Callable[..., tuple[World, Relay]], tmp_path: Path) -> None:
    """A file of complaints is enough; what was delivered and then complained about counts as both."""
    here, _ = world()
    go(here)
    tell(here, tmp_path, "complained", 2)
    assert "Completed" == standing(here)[0]
    assert [(202, 0, 2)] == here.rows("SELECT ended, failed, complained FROM outcamp.tallies")
    assert [(None,)] == here.rows("SELECT error_reason FROM outcamp.campaigns")
    tell(here, tmp_path, "complained", 5)
    assert [("5 of 205 email attempts were complained about (2.44%), and breakers.complaints is 0.1%",)] == here.rows(
        "SELECT error_reason FROM outcamp.campaigns"
    )
