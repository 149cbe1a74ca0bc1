"""The audit: a campaign that kept the promise has no finding, and each breach that is planted has its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from drafts import make_project
from outcamp.cli.main import main
from outcamp.core.limits import Limit
from outcamp.core.run_key import run_key
from outcamp.steps.audit import CHECKS, Audit, audit
from outcamp.steps.feed_back import feed_back
from outcamp.steps.ingest import ingest
from outcamp.steps.publish import write_manifest
from outcamp.steps.report import write_report
from outcamp.steps.send import send
from outcamp.steps.stop import stop
from outcamp.steps.suppress import Who, add
from outcamp.store import audits
from small_world import ADA, NOW, RUN, World, make_world

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
RULES = """\
reattempts: [{when: [blocked], channel: sms, wait: 10 minutes}]
communication_limits: [{count: 2, within: 1 day}]
communication_time: {time_zone: America/New_York, active: [{days: mon-fri, from: "09:00", to: "18:00"}]}
schedule: {start: 2026-12-01 15:00, time_zone: UTC, expires: 2026-12-03 16:00, repeat: daily}
"""
OUTCOMES = [
    {"recipient_id": "ada", "attempt": 1, "channel": "sms", "disposition": "blocked", "after": 60},
    {"recipient_id": "ben", "attempt": 1, "channel": "sms", "disposition": "delivered", "after": 60},
]
KEY = "occurrence 0, recipient ada, attempt 1"


@pytest.fixture
def world(database_uri: str, tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes small campaigns in one ledger and one lake."""
    with ExitStack() as stack:
        yield lambda *more, **settings: make_world(stack, database_uri, tmp_path, *more, **settings)


@pytest.fixture
def ran(world: Callable[..., World]) -> World:
    """A campaign after two waves: everybody was sent to, Ada twice, since her first message was blocked."""
    here = world(RULES, outcomes=OUTCOMES)
    run_wave(here)
    at = NOW + 11 * MINUTE
    for batch in here.due(at):
        send(here.engine, run_key(at, 1), batch.batch, lambda: at)
    write_report(here.engine, run_key(at, 1), feed_back(here.engine, run_key(at, 1), at))
    return here


def run_wave(world: World) -> None:
    for batch in world.batches():
        send(world.engine, RUN, batch.batch, lambda: NOW)
    write_report(world.engine, RUN, feed_back(world.engine, RUN, NOW))


def audited(world: World, *limits: Limit) -> Audit:
    engine = world.engine
    return audit(engine.ledger, engine.lake, {engine.campaign.name: engine.manifest}, NOW + 2 * HOUR, limits)


def found(world: World, *limits: Limit) -> list[tuple[str, int, str]]:
    """The breaches as (check, rows, the first row)."""
    return [(breach.check, breach.count, breach.rows[0]) for breach in audited(world, *limits).breaches]


def file_of(world: World, dataset: str, run: str = RUN) -> Path:
    (path,) = world.engine.lake.root.glob(f"{dataset}/campaign=spring/run={run}/*.parquet")
    return path


def rewrite(world: World, dataset: str, change: Callable[[pa.Table], pa.Table], *, honestly: bool) -> None:
    """Change a file of the first wave; honestly: as a wrong step would have written it, with its hash in the ledger."""
    path = file_of(world, dataset)
    table = change(pq.read_table(path, partitioning=None))
    pq.write_table(table, path)
    if honestly:
        step = "snapshot" if dataset == "snapshots" else "filter"
        world.change(
            """UPDATE outcamp.parts p SET files = (
                   SELECT jsonb_agg(CASE WHEN f ->> 'dataset' = %s
                          THEN f || jsonb_build_object('sha256', encode(sha256(%s), 'hex'), 'rows', %s::int) ELSE f END)
                   FROM jsonb_array_elements(p.files) AS f)
               FROM outcamp.waves w WHERE w.wave_id = p.wave_id AND w.run = %s AND p.step = %s""",
            dataset,
            path.read_bytes(),
            table.num_rows,
            RUN,
            step,
        )


def without(recipient: str) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.filter(pc.not_equal(table["recipient_id"], recipient))


def doubled(table: pa.Table) -> pa.Table:
    return pa.concat_tables([table, table.slice(0, 1)])


# No finding where there is none.


def test_a_campaign_that_kept_the_promise_has_no_finding(ran: World) -> None:
    """During the campaign, at its end, and after its expiry."""
    assert Audit(campaigns=1, waves=2, breaches=()) == audited(ran)
    ingest(ran.engine, NOW + 4 * DAY)
    feed_back(ran.engine, RUN, NOW + 4 * DAY)
    assert [] == found(ran)
    assert all(reason is not None for _, reason in ran.exits())


def test_a_wave_in_progress_is_no_finding(world: Callable[..., World]) -> None:
    """Between any two steps, whatever the wave holds and whatever it has not renamed yet."""
    here = world(RULES, outcomes=OUTCOMES)
    here.snapshot()
    assert [] == found(here)
    here.filtered()
    path = file_of(here, "verdicts")
    (ref,) = [one for one in here.decide(0, RUN, NOW).files if one.dataset == "verdicts"]
    path.rename(path.with_name(f".{path.stem}.{ref.sha256[:16]}.pending"))  # a crash between the commit and the rename
    assert [] == found(here)
    for batch in here.batches():
        assert [] == found(here)
        send(here.engine, RUN, batch.batch, lambda: NOW)
    assert [] == found(here)


def test_what_is_suppressed_stopped_or_given_back_later_is_no_finding(ran: World) -> None:
    """A suppression or a stop after the message, and a contact that has stopped counting."""
    add(ran.engine.ledger, Who.of("ada", None), None, "no", NOW + HOUR)
    add(ran.engine.ledger, Who.of(None, ADA), None, "no", NOW + HOUR)
    stop(ran.engine.ledger, ran.engine.manifest, NOW + HOUR)
    assert [] == found(ran)


def test_a_truth_that_replaced_a_doubt_is_no_finding(world: Callable[..., World]) -> None:
    """A message that was unknown and had a reattempt stays what it is when its outcome comes after all."""
    here = world(RULES.replace("[blocked]", "[unknown]"), outcomes=OUTCOMES)
    run_wave(here)
    here.change("UPDATE outcamp.attempts SET state = 'submitting' WHERE recipient_id = 'ada'")
    send(here.engine, RUN, 0, lambda: NOW + MINUTE)  # a new try doubts what the first one left
    assert [("ada", 1, "closed"), ("ada", 2, "waiting")] == here.attempts()[:2]
    ingest(here.engine, NOW + HOUR)
    assert [("blocked",)] == here.rows("SELECT disposition FROM outcamp.attempts WHERE recipient_id = 'ada' AND attempt = 1")
    assert [] == found(here)


def test_history_that_was_loaded_counts_and_has_no_books_of_its_own(ran: World) -> None:
    """Its contacts are counted towards the campaign's limits, where its own campaign was live."""
    contact = """
        WITH c AS (INSERT INTO outcamp.campaigns (name, seal, published_at, ignores_total_limits, stopped_at)
                   VALUES (%s, 'history', %s, false, %s) RETURNING campaign_id),
             o AS (INSERT INTO outcamp.occurrences (campaign_id, scheduled_at, number, run, opened_at)
                   SELECT campaign_id, %s, 0, 'history', %s FROM c RETURNING occurrence_id, campaign_id)
        INSERT INTO outcamp.attempts
            (occurrence_id, recipient_id, attempt, campaign_id, bucket, state, channel, due_at, submitted_at, counted_at)
        SELECT o.occurrence_id, 'ben', n, o.campaign_id, e.bucket, 'closed', 'sms', %s, %s, %s
        FROM o, outcamp.entries e, generate_series(1, 2) AS n WHERE e.recipient_id = 'ben'"""
    before = NOW - HOUR
    ran.change(contact, "old/ended", before, NOW - MINUTE, before, before, before, before, before)
    assert [] == found(ran)
    ran.change(contact, "old/active", before, None, before, before, before, before, before)
    assert [("over_limits", 1, "recipient ben at 2026-12-01 15:00:00+00: 3 within 1 day, and the limit is 2")] == found(ran)


# Each breach, planted.

PLANTED = {
    "seal": ("UPDATE outcamp.campaigns SET seal = 'edited'", "the ledger has seal edited, the manifest has "),
    "no_entry": ("DELETE FROM outcamp.entries WHERE recipient_id = 'ada'", KEY),
    "numbering": (
        "UPDATE outcamp.attempts SET attempt = 3 WHERE recipient_id = 'ada' AND attempt = 2",
        "occurrence 0, recipient ada: attempts 1 3, 0 alive",
    ),
    "waits_for_nothing": (
        "UPDATE outcamp.entries SET exited_at = NULL, exit_reason = NULL WHERE recipient_id = 'ada'",
        "occurrence 0, recipient ada",
    ),
    "after_exit": ("UPDATE outcamp.attempts SET state = 'waiting' WHERE recipient_id = 'ada' AND attempt = 2", KEY[:-1] + "2 is waiting"),
    "several_open": (
        """DROP INDEX outcamp.one_open_entry;
           UPDATE outcamp.entries SET exited_at = NULL WHERE recipient_id = 'ada';
           UPDATE outcamp.attempts SET state = 'sent' WHERE recipient_id = 'ada' AND attempt = 2;
           INSERT INTO outcamp.occurrences (campaign_id, scheduled_at, number, run, opened_at)
           SELECT campaign_id, scheduled_at + interval '1 day', 1, 'x', opened_at FROM outcamp.occurrences;
           INSERT INTO outcamp.entries (occurrence_id, recipient_id, campaign_id, bucket, part, entered_at)
           SELECT o.occurrence_id, 'ada', o.campaign_id, 0, 0, now() FROM outcamp.occurrences o WHERE o.number = 1;
           INSERT INTO outcamp.attempts (occurrence_id, recipient_id, attempt, campaign_id, bucket, state, channel, due_at)
           SELECT o.occurrence_id, 'ada', 1, o.campaign_id, 0, 'waiting', 'sms', now() FROM outcamp.occurrences o WHERE o.number = 1""",
        "recipient ada: 2 open entries",
    ),
    "unknown_batch": ("UPDATE outcamp.attempts SET batch = 77 WHERE attempt = 2", KEY[:-1] + "2: wave 2, batch 77"),
    "over_limits": (
        """INSERT INTO outcamp.attempts
           SELECT (jsonb_populate_record(a, jsonb_build_object('attempt', n, 'counted_at', a.counted_at + n * interval '1 minute'))).*
           FROM outcamp.attempts a, generate_series(3, 4) AS n WHERE a.recipient_id = 'ada' AND a.attempt = 2""",
        "recipient ada at 2026-12-01 15:15:00+00: 3 within 1 day, and the limit is 2",
    ),
    "windows": (
        "UPDATE outcamp.attempts SET submitted_at = submitted_at - interval '2 hours' WHERE attempt = 2",
        f"wave {run_key(NOW + 11 * MINUTE, 1)}, part 0: {KEY[:-1]}2: it was tue 08:11 in America/New_York, outside mon-fri 09:00-18:00",
    ),
    "out_of_time": (
        "UPDATE outcamp.campaigns SET expires_at = '2026-12-01 15:11+00'",
        f"{KEY[:-1]}2 at 2026-12-01 15:11:00+00: expired since 2026-12-01 15:11:00+00",
    ),
    "moved": (
        """INSERT INTO outcamp.retention SELECT occurrence_id, now(), 3, now(), now() FROM outcamp.occurrences;
           WITH gone AS (DELETE FROM outcamp.attempts WHERE recipient_id = 'ada' RETURNING *)
           INSERT INTO outcamp.past_attempts SELECT * FROM gone""",
        "occurrence 0: 3 attempts were moved, and 2 are there",
    ),
    "suppressed": (
        "INSERT INTO outcamp.suppressions VALUES ('recipient', sha256('ada'), 'sms', 'no', '2026-12-01 15:05+00')",
        f"{KEY[:-1]}2 at 2026-12-01 15:11:00+00: suppressed since 2026-12-01 15:05:00+00",
    ),
    "fates": (
        "DELETE FROM outcamp.attempts WHERE attempt = 2",
        f"wave {run_key(NOW + 11 * MINUTE, 1)}, part 0: {KEY[:-1]}2: no such attempt",
    ),
    "accounts": (
        "UPDATE outcamp.parts SET rows = 3 WHERE step = 'snapshot' AND wave_id = 1",
        f"wave {RUN}, part 0: 3 candidates, 2 verdicts",
    ),
    "twice": (
        "UPDATE outcamp.attempts SET submitted_at = submitted_at + interval '1 hour' WHERE recipient_id = 'ben'",
        f"wave {RUN}, part 0: {KEY.replace('ada', 'ben')}: submitted by this wave as its results say, and once more as the ledger says",
    ),
}


# What else is no longer true then.
ALSO = {"numbering": {"fates"}, "windows": {"twice"}}


@pytest.mark.parametrize("check", PLANTED)
def test_a_breach_in_the_ledger_is_found(ran: World, check: str) -> None:
    """It is named with its row, and nothing else is but what it brings along."""
    statement, row = PLANTED[check]
    ran.change(statement)
    hits = audited(ran).breaches
    assert {check} | ALSO.get(check, set()) == {breach.check for breach in hits}
    assert [row] == [breach.rows[0][: len(row)] for breach in hits if breach.check == check]


def test_a_total_limit_is_checked_across_the_deployment(ran: World) -> None:
    """Ada got two messages within the day, of which the first proved undelivered; were it to count, a limit of one is broken."""
    once = Limit(count=1, within=DAY)
    assert [] == found(ran, once)
    ran.change("UPDATE outcamp.attempts SET counted_at = submitted_at")
    row = "recipient ada at 2026-12-01 15:11:00+00: 2 within 1 day, and the total limit is 1"
    assert [("over_limits", 1, row)] == found(ran, once)
    ran.change("UPDATE outcamp.campaigns SET ignores_total_limits = true")
    assert [] == found(ran, once)


def test_a_wave_that_is_over_and_holds_somebody_is_found_after_some_patience(world: Callable[..., World]) -> None:
    """The next pulse would give the rows back; an hour later nobody has."""
    here = world(RULES)
    here.batches()
    here.change("UPDATE outcamp.waves SET finished_at = %s", NOW + 90 * MINUTE)
    assert [] == found(here)
    here.change("UPDATE outcamp.waves SET finished_at = %s", NOW)
    row = f"{KEY} is claimed by wave {RUN}, which ended at 2026-12-01 15:00:00+00"
    assert [("dead_hands", 2, row)] == found(here)
    here.change("UPDATE outcamp.attempts SET wave_id = NULL")
    assert ("dead_hands", 2, f"{KEY} is claimed by no wave") in found(here)


def test_a_stop_is_kept_but_for_the_moment_of_its_commit(ran: World) -> None:
    """A chunk that had seen no stop is no breach; one well after it is."""
    ran.change("UPDATE outcamp.campaigns SET stopped_at = %s", NOW + 10.5 * MINUTE)
    assert [] == found(ran)
    ran.change("UPDATE outcamp.campaigns SET stopped_at = %s", NOW + 5 * MINUTE)
    assert [("out_of_time", 1, f"{KEY[:-1]}2 at 2026-12-01 15:11:00+00: stopped since 2026-12-01 15:05:00+00")] == found(ran)


def test_a_suppressed_endpoint_that_was_sent_to_is_found(ran: World) -> None:
    """The lake knows the number that the message went to."""
    add(ran.engine.ledger, Who.of(None, ADA), "sms", "STOP", NOW + 5 * MINUTE)
    row = f"{KEY[:-1]}2 at 2026-12-01 15:11:00+00: endpoint suppressed since 2026-12-01 15:05:00+00"
    assert [("suppressed", 1, row)] == found(ran)


@pytest.mark.parametrize("dataset", ["snapshots", "verdicts", "batches"])
def test_a_file_that_is_missing_damaged_or_edited_is_found(ran: World, dataset: str) -> None:
    """Whichever file it is, it is named, and what it would have said is not held against anybody."""
    path = file_of(ran, dataset)
    shown, whole = path.relative_to(ran.engine.lake.root).as_posix(), path.read_bytes()
    path.write_bytes(whole[:-4])
    assert ("files", 1) == found(ran)[0][:2]
    assert found(ran)[0][2].startswith(f"{shown} is not the file that the ledger names (SHA-256 ")
    path.unlink()
    assert [("files", 1, f"{shown} is missing")] == found(ran)
    path.write_bytes(b"no Parquet at all")
    ran.change(
        "UPDATE outcamp.parts SET files = replace(files::text, %s, encode(sha256(%s), 'hex'))::jsonb",
        hashlib.sha256(whole).hexdigest(),
        path.read_bytes(),
    )
    assert found(ran)[0][2].startswith(f"{shown} cannot be read: ")


def test_a_file_with_fewer_rows_than_the_ledger_says_is_found(ran: World) -> None:
    """Its hash may be right, and its sum wrong."""
    ran.change("UPDATE outcamp.parts SET files = replace(files::text, '\"rows\": 2', '\"rows\": 5')::jsonb WHERE step = 'snapshot'")
    assert [("files", 1, f"snapshots/campaign=spring/run={RUN}/part-00000.parquet has 2 rows, the ledger says 5")] == found(ran)


def test_somebody_without_a_verdict_is_found(ran: World) -> None:
    """The sums are off in the file, and the person is named."""
    rewrite(ran, "verdicts", without("ben"), honestly=True)
    assert [
        ("accounts", 1, f"wave {RUN}, part 0: send: 2 in the ledger, 1 in the file"),
        ("verdicts", 1, f"wave {RUN}, part 0: recipient ben was read and has no verdict"),
        ("fates", 1, f"wave {RUN}, part 0: occurrence 0, recipient ben, attempt 1: in a batch, and not to be sent"),
    ] == found(ran)


def test_a_second_verdict_for_one_candidate_is_found(ran: World) -> None:
    """Only a duplicate in the segment has two rows."""
    rewrite(ran, "verdicts", doubled, honestly=True)
    assert [
        ("accounts", 1, f"wave {RUN}, part 0: send: 2 in the ledger, 3 in the file"),
        ("verdicts", 2, f"wave {RUN}, part 0: {KEY}: several verdicts"),
    ] == found(ran)


def test_a_stranger_with_a_verdict_is_found(ran: World) -> None:
    """Somebody whom the snapshot does not hold was decided."""
    rewrite(ran, "snapshots", without("ben"), honestly=True)
    assert ("verdicts", 1, f"wave {RUN}, part 0: recipient ben has a verdict and was not read") in found(ran)


def test_a_send_verdict_in_no_batch_is_found(ran: World) -> None:
    """Whoever is to be sent to is in a batch."""
    rewrite(ran, "batches", without("ben"), honestly=True)
    assert [("fates", 1, f"wave {RUN}, part 0: occurrence 0, recipient ben, attempt 1: in no batch")] == found(ran)


def test_parts_without_verdicts_are_found_once_the_wave_has_fanned_out(world: Callable[..., World]) -> None:
    """Until then the filter may still come; and if the successor was due, its segment has everybody."""
    here = world(RULES)
    here.snapshot()
    here.change("UPDATE outcamp.waves SET fanned_out_at = %s", NOW + HOUR)
    assert [("accounts", 1, f"wave {RUN}, part 0: nobody of it was decided")] == found(here)
    here.change("UPDATE outcamp.waves SET fanned_out_at = %s", NOW + DAY)
    assert [] == found(here)


def test_every_check_has_a_breach_that_is_planted() -> None:
    """No check is taken on trust."""
    elsewhere = {"files", "verdicts", "dead_hands"}
    assert set(CHECKS) == set(PLANTED) | elsewhere


# The verb.


@pytest.fixture
def home(database_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the ledger and the lake of the small world."""
    monkeypatch.setenv("OUTCAMP_HOME", str(tmp_path))
    monkeypatch.setenv("OUTCAMP_LEDGER", database_uri)
    monkeypatch.setenv("OUTCAMP_STORE", str(tmp_path))
    make_project(tmp_path)
    return tmp_path


def test_the_verb_says_that_the_promise_holds(home: Path, ran: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Or which check is broken by whom; one campaign or all of them."""
    manifest = home / "dags/published/spring.json"
    write_manifest(ran.engine.manifest, manifest, "spring.json")
    assert 0 == main(["audit"])
    assert f"1 campaign, 2 waves, {len(CHECKS)} checks: the promise holds.\n" == capsys.readouterr().out
    ran.change("UPDATE outcamp.attempts SET batch = 77 WHERE attempt = 2")
    assert 1 == main(["audit", "spring"])
    assert (
        "spring: not true that whatever was submitted belongs to a batch (unknown_batch, 1 row)\n"
        "  occurrence 0, recipient ada, attempt 2: wave 2, batch 77\n"
        f"1 campaign, 2 waves, {len(CHECKS)} checks: THE PROMISE IS BROKEN.\n"
    ) == capsys.readouterr().out
    assert 1 == main(["audit", "--json"])
    assert ["unknown_batch"] == [breach["check"] for breach in json.loads(capsys.readouterr().out)["breaches"]]
    assert 2 == main(["audit", "sprng"])
    assert "There is no campaign 'sprng'.\n  Next: Did you mean 'spring'?\n" == capsys.readouterr().err


def test_a_manifest_that_is_missing_or_edited_is_a_finding(home: Path, ran: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Without it neither limits nor windows can be checked; a deleted campaign has none."""
    assert 1 == main(["audit"])
    assert "  there is no manifest, so neither its limits nor its windows were checked\n" in capsys.readouterr().out
    (home / "dags/published").mkdir(parents=True)
    (home / "dags/published/spring.json").write_text("{}", encoding="utf-8")
    assert 1 == main(["audit"])
    assert "  dags/published/spring.json: this is not a manifest; it has no seal.\n" in capsys.readouterr().out
    (home / "dags/published/spring.json").unlink()
    stop(ran.engine.ledger, ran.engine.manifest, NOW + DAY, delete=True)
    assert 0 == main(["audit"])


def test_an_audit_writes_nothing(ran: World) -> None:
    """Its transactions are read-only."""
    engine = ran.engine

    def writes() -> None:
        with engine.ledger.transaction() as tx:
            audits.begin(tx)
            tx.run("lift-error", campaign_id=1)

    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        writes()
