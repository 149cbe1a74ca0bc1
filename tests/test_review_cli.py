"""outcamp review: what publishing a draft would do, by the filter's own rules, with the books untouched."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from drafts import HEAD, campaign, make_project
from outcamp.cli.main import main
from outcamp.cli.review import in_words
from outcamp.core.campaign import Limit
from outcamp.core.manifest import seal_manifest
from outcamp.frames.hashing import buckets
from outcamp.steps.compliance_notes import notes
from outcamp.steps.forecast import Forecast, HourOfZone, forecast
from outcamp.steps.simulate import simulate
from outcamp.store import suppressions
from outcamp.store.ledger import Ledger
from outcamp.store.suppressions import LINES
from small_world import ADA, NOW, PEOPLE, TABLES, People, World, make_world

DRAFT = """\
name: spring
segment: {file: people.csv}
channel: sms
channels: {sms: {body: "Hi {{ first_name }}", pace: 1/hour}}
communication_time:
  time_zone: recipient
  detect: [column, area_code]
  active: [{days: mon-fri, from: "09:00", to: "18:00"}]
schedule: {start: "2099-12-01 15:00", expires: "2099-12-01 21:00"}
"""
ROWS = """\
recipient_id,phone,first_name,time_zone
ada,+12125550143,Ada,
ben,+12125550144,Ben,
cy,+12135550145,Cy,
dee,12,Dee,
ada,+12125550143,Ada again,
eve,+12125550146,,
fay,+12125550147,Fay,
gus,+18005550148,Gus,
"""


def forecast_of(
    uri: str, settings: str, rows: list[dict[str, Any]], head: str = HEAD, total: tuple[Limit, ...] = (), **more: Any
) -> Forecast:
    """What would become of these people if the campaign were published now."""
    ledger = Ledger.at(uri)
    ledger.migrate()
    found = forecast(seal_manifest(campaign(settings, head), NOW, {}, {}), People([pa.Table.from_pylist(rows)], **more), ledger, NOW, total)
    ledger.close()
    return found


@pytest.fixture
def home(database_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a draft and its list."""
    make_project(tmp_path, DRAFT, ROWS)
    monkeypatch.setenv("OUTCAMP_HOME", str(tmp_path))
    monkeypatch.setenv("OUTCAMP_LEDGER", database_uri)
    monkeypatch.setenv("OUTCAMP_STORE", str(tmp_path / "lake"))
    return tmp_path


@pytest.mark.usefixtures("home")
def test_people_read_the_funnel_the_hours_the_pace_and_the_notes(capsys: pytest.CaptureFixture[str]) -> None:
    """Who is dropped and why, when the others may go, whether the pace is enough, and what a careful reader would ask."""
    assert 0 == main(["review", "spring"])
    assert (
        capsys.readouterr().out
        == """\
spring, if it were published now: the first occurrence is at 2099-12-01 15:00 UTC.

  candidates                                             8
  send                                                   3
  drop: content_error                                    1
      the text of their message could not be made
  drop: duplicate                                        1
      the id stands twice in the segment, and the first row was taken
  drop: invalid_endpoint                                 1
      no phone number or e-mail address of theirs is valid for the channel
  drop: no_time_zone                                     1
      nothing says in which time zone they are
  later: window_closed                                   1
      the channel was closed for them

  They may go, by hour (UTC) and time zone:
  2099-12-01 15:00  America/New_York                     3
  2099-12-01 17:00  America/Los_Angeles                  1

  At 0.0002778 messages a second the last one goes at 2099-12-01 19:00 UTC.

  Note: No compliance preset is named for sms; there are us_florida, us_reg_f, us_tcpa.
  Note: How often a person may be contacted is not limited: there are no communication_limits.
  Note: The do-not-contact list is empty.
  Note: Nothing stops the campaign by itself when errors or complaints mount: there are no breakers.

  Next: outcamp publish spring
"""
    )


def test_machines_read_the_same_and_a_pace_that_is_too_slow_is_a_finding(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 1 where somebody would be left when the campaign expires."""
    file = home / "dags/campaigns/spring.yaml"
    file.write_text(DRAFT.replace("21:00", "18:00"), encoding="utf-8")
    assert 1 == main(["review", "spring", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert {"at": "2099-12-01 18:00:00+00:00", "left": 1} == found["finishes"]
    assert ["send", "", 3] == found["funnel"][0]
    assert {"hour": "2099-12-01 17:00:00+00:00", "zone": "America/Los_Angeles", "people": 1} == found["hours"][1]
    assert 4 == found["contacted"]
    main(["review", "spring"])
    assert "  Too slow: 1 are left when it is 2099-12-01 18:00 UTC.\n" in capsys.readouterr().out


def test_a_draft_that_reaches_nobody_is_a_finding(home: Path) -> None:
    """Everybody is dropped."""
    home.joinpath("people.csv").write_text("recipient_id,phone,first_name,time_zone\nada,12,Ada,\n", encoding="utf-8")
    assert 1 == main(["review", "spring"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sprint", "There is no draft of a campaign 'sprint'.\n  Next: Did you mean 'spring'?\n"),
        ("spring", "spring is published already.\n  Next: See how far it is: outcamp status spring\n"),
        ("pushed", "pushed: the segment is external: its recipients are pushed in, and there is nothing to read\n"),
    ],
)
def test_what_is_no_draft_with_a_segment_is_refused(home: Path, capsys: pytest.CaptureFixture[str], name: str, message: str) -> None:
    """Another name, a campaign that is published, and one whose recipients are pushed in."""
    pushed = "name: pushed\nsegment: external\nchannel: sms\nchannels: {sms: {body: Hello}}\n"
    home.joinpath("dags/campaigns/pushed.yaml").write_text(pushed, encoding="utf-8")
    if name == "spring":
        assert 0 == main(["publish", "spring"])
        capsys.readouterr()
    assert 2 == main(["review", name])
    assert capsys.readouterr().err.startswith(message)


SETTINGS = {
    "plain": "",
    "holdout": "holdout: 40%\n",
    "hours": 'communication_time: {time_zone: recipient, active: [{days: tue, from: "09:00", to: "11:00"}]}\n',
    "limits": "communication_limits: [{count: 1, within: 1 day}]\n",
    "deferred": "communication_limits: [{count: 1, within: 1 day}]\non_limit: defer\n",
    "ended": 'communication_time: {time_zone: Asia/Tokyo, active: [{days: mon, from: "09:00", to: "11:00"}]}\n'
    'schedule: {start: now, expires: "2026-12-02 12:00"}\n',
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_the_verdicts_are_those_of_the_first_wave(database_uri: str, postgres_uri: str, settings: str) -> None:
    """The same people in a simulation get the same verdicts at that instant, limits and the do-not-contact list included."""
    rows = [
        {"recipient_id": f"r{number % 90}", "phone": f"+1{area}555{1000 + number}"} for number, area in enumerate([212, 213, 312, 9] * 25)
    ]
    listed = pa.table({"recipient_id": ["r1", "r2"], "endpoint": pa.nulls(2, pa.string()), "channel": pa.nulls(2, pa.string())})
    history = pa.table(
        {"recipient_id": ["r5", "r6"], "campaign": ["other"] * 2, "contacted_at": [NOW - timedelta(hours=1)] * 2, "active": [True] * 2}
    )
    played = simulate(
        HEAD + settings,
        "spring.yaml",
        pa.Table.from_pylist(rows),
        history,
        None,
        listed,
        NOW,
        NOW,
        timedelta(minutes=5),
        postgres=postgres_uri,
    )
    expected = Counter(zip(played.verdicts["verdict"].to_pylist(), played.verdicts["reason"].to_pylist(), strict=True))
    ledger = Ledger.at(database_uri)
    ledger.migrate()
    with ledger.transaction() as tx:
        kind, reason = pa.array(["recipient"] * 2), pa.array(["asked"] * 2)
        suppressions.add(tx, pa.table([kind, listed["recipient_id"], pa.array(["", ""]), reason], schema=LINES), NOW)
    ledger.close()
    contacted(database_uri, ["r5", "r6"])
    found = forecast_of(database_uri, settings, rows)
    assert expected == {(verdict, reason or None): count for verdict, reason, count in found.funnel}
    assert played.summary["candidates"] == found.candidates


def contacted(uri: str, recipients: list[str]) -> None:
    """Let another campaign, which is active, have contacted these people an hour ago."""
    with psycopg.connect(uri) as connection:
        (campaign_id,) = connection.execute(
            "INSERT INTO outcamp.campaigns (name, seal, published_at, ignores_total_limits)"
            " VALUES ('other', 'x', %s, false) RETURNING campaign_id",
            [NOW],
        ).fetchone() or (0,)
        for recipient, bucket in zip(recipients, buckets(pa.array(recipients)).tolist(), strict=True):
            connection.execute(
                "INSERT INTO outcamp.attempts"
                " (occurrence_id, recipient_id, attempt, campaign_id, bucket, state, channel, due_at, counted_at)"
                " VALUES (-1, %s, 1, %s, %s, 'closed', 'sms', %s, %s)",
                [recipient, campaign_id, bucket, NOW, NOW - timedelta(hours=1)],
            )


def everything(world: World, folder: Path) -> tuple[object, ...]:
    """Return all rows of the ledger and all files."""
    return [world.rows(f"SELECT * FROM outcamp.{table} ORDER BY 1, 2") for table in TABLES], sorted(folder.rglob("*"))


def test_the_books_and_the_lake_stay_as_they_were(database_uri: str, tmp_path: Path) -> None:
    """Nothing is written, whoever else is in the ledger."""
    with ExitStack() as stack:
        world = make_world(stack, database_uri, tmp_path / "lake")
        world.batches()
        before = everything(world, tmp_path)
        found = forecast_of(database_uri, "", PEOPLE, HEAD.replace("spring", "autumn"))
        assert [("send", "", 2)] == [*found.funnel]
        assert before == everything(world, tmp_path)


def test_messages_that_cannot_be_made_are_counted_whoever_shares_their_values(database_uri: str) -> None:
    """Many people with few names: those without one have no message."""
    rows = [{"recipient_id": f"r{number}", "phone": ADA, "first_name": (None, "Ada", "Ben")[number % 3]} for number in range(100)]
    found = forecast_of(database_uri, "", rows, HEAD.replace("Hello", '"Hi {{ first_name }}"'))
    assert (("send", "", 66), ("drop", "content_error", 34)) == found.funnel


def test_the_deployments_limits_and_the_segments_exclusions_hold(database_uri: str) -> None:
    """A total limit of the deployment, obeyed or ignored; who is excluded is no candidate."""
    contacted_before = (Limit(count=1, within=timedelta(days=1)),)
    forecast_of(database_uri, "", PEOPLE)  # which makes the tables
    contacted(database_uri, ["ada"])
    assert (("drop", "over_limit", 1), ("send", "", 1)) == forecast_of(database_uri, "", PEOPLE, total=contacted_before).funnel
    assert (("send", "", 2),) == forecast_of(database_uri, "ignore_total_limits: true\n", PEOPLE, total=contacted_before).funnel
    assert (("send", "", 1),) == forecast_of(database_uri, "", PEOPLE, left_out=["ada"]).funnel


@pytest.mark.parametrize(
    ("settings", "told", "is_silent"),
    [
        ("presets: [us_tcpa]\n", "No compliance preset", True),
        ("", "Messages may go at any hour: there is no communication_time.", False),
        ("presets: [us_tcpa]\n", "Messages may go at any hour", True),
        ("ignore_total_limits: true\n", "The deployment's total limits are ignored: ignore_total_limits is true.", False),
        ("schedule: {start: now, repeat: daily}\n", "The campaign repeats without an end: schedule.expires is not set.", False),
        ("holdout: 5%\n", "0.05 of the people are never contacted: the holdout.", False),
        ("breakers: {errors: 5%}\n", "Nothing stops the campaign by itself", True),
        ("communication_limits: [{count: 1, within: 1 day}]\n", "How often a person may be contacted is not limited", True),
    ],
)
def test_a_note_is_there_where_it_applies(settings: str, told: str, is_silent: bool) -> None:
    """What the file says is not asked for."""
    found = notes(campaign(settings), total_limits=False, is_list_empty=False)
    assert is_silent != any(note.startswith(told) for note in found)


def test_an_e_mail_without_unsubscribe_is_noted() -> None:
    """And one with it is not."""
    head = HEAD.replace("sms", "email").replace("{body: Hello", '{subject: Hi, sender: "a@example.com", body: Hello')
    told = "E-mails have no unsubscribe, which large receivers ask of bulk senders (RFC 8058)."
    with_it = head.replace("body: Hello", 'body: Hello, unsubscribe: "https://example.com/u"')
    assert [True, False] == [told in notes(campaign("", one), total_limits=False, is_list_empty=False) for one in (head, with_it)]


def test_of_many_hours_people_read_the_first() -> None:
    """The others are summed up."""
    hours = tuple(HourOfZone(datetime(2026, 12, 1 + number // 24, number % 24, tzinfo=UTC), "any zone", 10) for number in range(30))
    found = Forecast("spring", NOW, 300, (("send", "", 300),), hours, None, None, NOW, ())
    assert "  and 6 more lines (--json shows all)                   60\n" in in_words(found)
