"""One recipient's story: every verdict and attempt in words, and what is still to come."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from drafts import HEAD, make_project
from outcamp.cli.main import main
from outcamp.core.limits import Limit
from outcamp.core.run_key import run_key
from outcamp.steps.explain import Story, explain
from outcamp.steps.feed_back import feed_back
from outcamp.steps.ingest import ingest
from outcamp.steps.publish import write_manifest
from outcamp.steps.report import write_report
from outcamp.steps.send import send
from outcamp.steps.stop import record_error, stop
from outcamp.store.outcomes import Followed
from small_world import ADA, BEN, NOW, RUN, World, make_world

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
DAILY = "schedule: {start: 2026-12-01 15:00, time_zone: UTC, repeat: daily}\n"
AGAIN = "reattempts: [{when: [blocked, failed], channel: sms, wait: 10 minutes}]\n"
BLOCKED = [{"recipient_id": "ada", "attempt": 1, "channel": "sms", "disposition": "blocked", "after": 60}]
LOCAL = """\
communication_time:
  time_zone: recipient
  detect: [column]
  stop_early: 1 minute
  active:
    - {days: mon-fri, from: "09:00", to: "09:30"}
    - {days: [sat, sun], from: "10:00", to: "14:00"}
  exceptions: [{name: Founding day, date: 2026-12-01, channels: [sms]}]
"""
DENVER = [{"recipient_id": "ada", "phone": ADA, "time_zone": "America/Denver"}]


@pytest.fixture
def world(database_uri: str, tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes small campaigns in one ledger and one lake."""
    with ExitStack() as stack:
        yield lambda *more, **settings: make_world(stack, database_uri, tmp_path, *more, **settings)


def story(world: World, recipient: str = "ada", *limits: Limit) -> Story:
    return explain(world.engine.ledger, world.engine.lake, world.engine.manifest, recipient, NOW + DAY, limits)


def told(world: World, recipient: str = "ada", *limits: Limit) -> list[str]:
    """The events as (time, words), and then what is due."""
    found = story(world, recipient, *limits)
    return [*(f"{event.at:%d %H:%M} {event.text}" for event in found.events), *found.due]


def sent(world: World) -> None:
    for batch in world.batches():
        send(world.engine, RUN, batch.batch, lambda: NOW)
    feed_back(world.engine, RUN, NOW)


def test_a_message_and_its_reattempt_are_told_in_order(world: Callable[..., World]) -> None:
    """The verdict, what went, what came back, which rule made the next one, and why the entry ended."""
    here = world(AGAIN, outcomes=BLOCKED)
    sent(here)
    ingest(here.engine, NOW + 5 * MINUTE)
    waits = "Attempt 2 by sms, occurrence 0, is due at 2026-12-01 15:11:00 UTC: the reattempt rule asks to wait."
    begin = [
        "01 15:00 Attempt 1 by sms: to be sent.",
        f"01 15:00 Attempt 1 went by sms, with wave {RUN}.",
        "01 15:01 Attempt 1 ended as blocked: the carrier blocked it. It does not count towards limits.",
        "01 15:01 Rule 1 (blocked or failed: sms after 10 minutes) made attempt 2, due at 2026-12-01 15:11:00 UTC.",
    ]
    assert [*begin, waits] == told(here)
    assert "Considered once, contacted once, still in the campaign." == story(here).summary

    at = NOW + 11 * MINUTE
    for batch in here.due(at):
        send(here.engine, run_key(at, 1), batch.batch, lambda: at)
    assert [
        *begin,
        "01 15:11 Attempt 2 by sms: to be sent.",
        f"01 15:11 Attempt 2 went by sms, with wave {run_key(at, 1)}.",
        "01 15:11 Attempt 2 ended as delivered: it was delivered.",
        "01 15:11 Left the campaign, finished: no reattempt rule was left for how the last attempt ended.",
    ] == told(here)
    assert "Considered twice, contacted twice, out of the campaign." == story(here).summary


def test_a_closed_window_is_told_by_the_clock_of_the_recipient(world: Callable[..., World]) -> None:
    """The wall-clock time there, the windows of the channel, and the next opening."""
    here = world(LOCAL.replace("2026-12-01", "2026-12-25"), people=DENVER)
    here.filtered()
    assert [
        "01 15:00 Attempt 1 by sms: later, until 2026-12-01 16:00:00 UTC, as window_closed: the channel was closed for them;"
        " it was tue 08:00 in America/Denver, outside mon-fri 09:00-09:30; sat, sun 10:00-14:00, stopping 1 minute early.",
        "Attempt 1 by sms, occurrence 0, is due at 2026-12-01 16:00:00 UTC: the channel was closed for them.",
    ] == told(here)


def test_an_excepted_day_is_told_by_its_name(world: Callable[..., World]) -> None:
    """The date there, and the name that the campaign gives the exception."""
    here = world(LOCAL, people=DENVER)
    here.filtered()
    words = "the channel was closed for them; 2026-12-01 was excepted (Founding day) in America/Denver."
    assert words == story(here).events[0].text.split("window_closed: ")[1]


def test_a_limit_is_told_with_the_contacts_that_counted(world: Callable[..., World]) -> None:
    """Which limit it was, and when and by which campaign they were contacted; the deployment's own limits are named as such."""
    limits = "counts: all_campaigns\ncommunication_limits: [{count: 1, within: 2 hours}, {count: 5, within: 1 day}]\n"
    here = world(f"{DAILY.replace('daily', 'hourly')}{limits}")
    sent(here)
    here.filtered(NOW + HOUR)
    contact = "2026-12-01 15:00:00 UTC sms of spring"
    often = "dropped as over_limit: they had been contacted as often as the limits allow"
    expected = f"{often}; the limit is 1 within 2 hours, and there were {contact}"
    assert [f"Attempt 1 by sms: {expected}."] == [event.text for event in story(here).events if event.code == "over_limit"]
    total = f"{expected}; the deployment's limit is 1 within 1 week, and there were {contact}."
    week = Limit(count=1, within=timedelta(weeks=1))
    assert [f"Attempt 1 by sms: {total}"] == [event.text for event in story(here, "ada", week).events if event.code == "over_limit"]
    here.change("UPDATE outcamp.attempts SET counted_at = NULL")
    undone = "by today's books no limit is reached: contacts that counted then have proved undelivered since."
    assert story(here).events[-1].text.endswith(undone)


@pytest.mark.parametrize(
    ("kind", "key", "whose"), [("recipient", "ada", "their id"), ("endpoint", ADA, "their address")], ids=["recipient", "endpoint"]
)
def test_a_suppression_is_told_with_its_line(world: Callable[..., World], kind: str, key: str, whose: str) -> None:
    """By id or address, for which channel, since when and why; the address itself is not shown."""
    here = world()
    here.change("INSERT INTO outcamp.suppressions VALUES (%s, sha256(convert_to(%s, 'UTF8')), 'sms', 'asked by mail', %s)", kind, key, NOW)
    here.filtered()
    line = f"they are on the do-not-contact list; by {whose}, for sms, since 2026-12-01 15:00:00 UTC (asked by mail)."
    assert [f"01 15:00 Attempt 1 by sms: dropped as suppressed: {line}"] == told(here)
    assert ADA not in json.dumps(story(here).as_dict(), default=str)
    here.change("DELETE FROM outcamp.suppressions")
    assert told(here)[0].endswith("they are on the do-not-contact list; they have been taken off it since.")


def test_other_drops_are_told_with_their_settings(world: Callable[..., World]) -> None:
    """The holdout's share, the entry limits, and plain reasons."""
    people = [{"recipient_id": name, "phone": phone} for name, phone in (("ada", ADA), ("ada", BEN), ("ben", "12"))]
    here = world(f"{DAILY}entry_limits: {{max: 1, min_interval: 7 days}}\nwhile_active: skip\n", people=people)
    sent(here)
    assert "duplicate: the id stands twice in the segment, and the first row was taken." in told(here)[1]
    assert told(here, "ben")[0].endswith(
        "dropped as invalid_endpoint: no phone number or e-mail address of theirs is valid for the channel."
    )
    (part,) = here.snapshot(NOW + DAY)
    assert told(here)[-1] == "02 15:00 Read from the segment; there is no verdict yet."
    here.decide(part.part, run_key(NOW + DAY), NOW + DAY)
    assert told(here)[-2].endswith("as often, or as lately, as entry_limits allow; entry_limits are at most 1, 1 week apart.")


def test_the_holdout_is_told_with_its_share(world: Callable[..., World]) -> None:
    """Whoever is held out reads how many are."""
    here = world("holdout: 99.99%\n")
    here.filtered()
    assert told(here)[0].endswith("they belong to the share that is never contacted; the holdout is 99.99% of all.")


def test_what_a_send_gave_back_or_dropped_is_told(world: Callable[..., World]) -> None:
    """A send verdict that did not become a message says why, as the wave's results have it."""
    here = world()
    batches = here.batches()
    assert told(here)[0].endswith("to be sent, and the wave has it in hand.")
    here.change("INSERT INTO outcamp.suppressions VALUES ('recipient', sha256(convert_to('ben', 'UTF8')), '', 'no', %s)", NOW)
    record_error(here.engine, "a breaker", NOW)
    for batch in batches:
        send(here.engine, RUN, batch.batch, lambda: NOW)
    assert told(here)[0].endswith("to be sent, but given back before its submission.")
    write_report(here.engine, RUN, Followed(0, 0, 0))
    assert told(here)[0].endswith("to be sent, but given back before its submission: the campaign was in Error.")
    assert story(here).summary.endswith(" The campaign is in Error since 2026-12-01 15:00:00 UTC: a breaker.")


def test_the_last_look_of_a_send_is_told(world: Callable[..., World]) -> None:
    """Somebody who was suppressed after the verdict was dropped at the last look."""
    here = world()
    batches = here.batches()
    here.change("INSERT INTO outcamp.suppressions VALUES ('recipient', sha256(convert_to('ben', 'UTF8')), '', 'no', %s)", NOW)
    for batch in batches:
        send(here.engine, RUN, batch.batch, lambda: NOW)
    write_report(here.engine, RUN, feed_back(here.engine, RUN, NOW))
    assert [
        "01 15:00 Attempt 1 by sms: to be sent, but dropped at the last look: they are on the do-not-contact list.",
        "01 15:00 Left the campaign, suppressed: they are on the do-not-contact list.",
    ] == told(here, "ben")


def test_a_row_that_waits_for_the_exit_is_still_to_come(world: Callable[..., World]) -> None:
    """With while_active: defer the next occurrence's row waits for the open entry."""
    here = world(f"{DAILY}while_active: defer\n", outcomes=[BLOCKED[0] | {"after": 2 * 86_400.0}])
    sent(here)
    here.filtered(NOW + DAY)
    assert told(here)[-3].endswith(
        "later, until the open entry exits, as already_in_campaign: their entry of an earlier occurrence was still open."
    )
    assert [
        "Attempt 1 by sms, occurrence 0, waits for its outcome until 2026-12-04 15:00:00 UTC.",
        "The row of occurrence 1 waits until the open entry exits.",
    ] == told(here)[-2:]


def test_who_was_never_a_candidate_is_told_so(world: Callable[..., World]) -> None:
    """Somebody in no snapshot, and a campaign that has not run."""
    here = world()
    assert "No wave of spring has run yet." == story(here).summary
    here.filtered()
    assert "Never a candidate: none of 1 snapshots holds this recipient." == story(here, "zoe").summary
    stop(here.engine.ledger, here.engine.manifest, NOW)
    assert story(here, "zoe").summary.endswith(" The campaign is stopped since 2026-12-01 15:00:00 UTC.")


def test_a_lost_file_of_verdicts_is_named(world: Callable[..., World]) -> None:
    """The rest of the story is told all the same."""
    here = world()
    sent(here)
    (path,) = here.engine.lake.root.glob("verdicts/*/*/*.parquet")
    path.unlink()
    lost = f"Wave {RUN}: its verdicts are not in the lake (verdicts/campaign=spring/run={RUN}/part-00000.parquet); outcamp audit says more."
    assert f"01 15:00 {lost}" in told(here)
    assert "Considered once, contacted once, out of the campaign." == story(here).summary


# The verb.


@pytest.fixture
def home(database_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a ledger, a lake and a draft."""
    make_project(tmp_path, HEAD.replace("spring", "autumn"))
    (tmp_path / "dags/campaigns/spring.yaml").rename(tmp_path / "dags/campaigns/autumn.yaml")
    monkeypatch.setenv("OUTCAMP_HOME", str(tmp_path))
    monkeypatch.setenv("OUTCAMP_LEDGER", database_uri)
    monkeypatch.setenv("OUTCAMP_STORE", str(tmp_path / "lake"))
    return tmp_path


def test_the_verb_tells_people_and_machines(home: Path, database_uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Text by occurrence, or the same as JSON."""
    with ExitStack() as stack:
        here = make_world(stack, database_uri, home / "lake")
        sent(here)
        write_manifest(here.engine.manifest, home / "dags/published/spring.json", "spring.json")
        assert 0 == main(["explain", "spring", "ada"])
        assert (
            "ada in spring: Considered once, contacted once, out of the campaign.\n"
            "Occurrence 0\n"
            "  2026-12-01 15:00:00 UTC  Attempt 1 by sms: to be sent.\n"
            f"  2026-12-01 15:00:00 UTC  Attempt 1 went by sms, with wave {RUN}.\n"
            "  2026-12-01 15:00:00 UTC  Attempt 1 ended as delivered: it was delivered.\n"
            "  2026-12-01 15:00:00 UTC  Left the campaign, finished: no reattempt rule was left for how the last attempt ended.\n"
        ) == capsys.readouterr().out
        assert 0 == main(["explain", "spring", "ada", "--json"])
        said = json.loads(capsys.readouterr().out)
        assert ["verdict", "submitted", "outcome", "exit"] == [event["kind"] for event in said["events"]]


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("autumn", "The campaign 'autumn' is a draft: it has considered nobody yet.\n  Next: outcamp publish autumn starts it.\n"),
        ("atumn", "There is no campaign 'atumn'.\n  Next: Did you mean 'autumn'?\n"),
        ("x", "There is no campaign 'x'.\n  Next: outcamp status lists the campaigns.\n"),
    ],
)
def test_a_campaign_without_a_story_is_refused(name: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A draft is told from a name that is not there."""
    assert 2 == main(["explain", name, "ada"])
    assert message == capsys.readouterr().err


def test_total_limits_that_are_none_are_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch, database_uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The variable is named with what it holds."""
    with ExitStack() as stack:
        here = make_world(stack, database_uri, home / "lake")
        write_manifest(here.engine.manifest, home / "dags/published/spring.json", "spring.json")
    monkeypatch.setenv("OUTCAMP_TOTAL_LIMITS", "[6]")
    assert 2 == main(["explain", "spring", "ada"])
    expected = (
        'OUTCAMP_TOTAL_LIMITS is \'[6]\', which is no list of limits.\n  Next: Write a list as JSON: [{"count": 6, "within": "2 days"}].\n'
    )
    assert expected == capsys.readouterr().err
