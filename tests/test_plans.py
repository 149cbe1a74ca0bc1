"""The plans of the ledger's hot statements: each given row is looked up in an index, however stale the statistics are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from outcamp.store.embedded import throw_away_database
from outcamp.store.ledger import Ledger
from outcamp.store.sql import queries

NOW = datetime(2026, 12, 1, tzinfo=UTC)
CHUNK = 500
# Rows, and how many there were when they were analysed; a ledger that was never analysed is what a first large campaign meets.
SIZES = [(20_000, 0), (200_000, 0), (200_000, 100), (200_000, 200_000)]
FILL = """
INSERT INTO outcamp.entries (occurrence_id, recipient_id, campaign_id, bucket, part, entered_at, exited_at)
SELECT 1 + n %% 4, n::text, 1 + n %% 4, n %% 64, 0, %(now)s, CASE WHEN n %% 3 = 0 THEN %(now)s END
FROM generate_series(%(first)s::int, %(last)s::int) AS n;
INSERT INTO outcamp.attempts (occurrence_id, recipient_id, attempt, campaign_id, bucket, wave_id, batch, token, state, channel, due_at,
                              submitted_at, counted_at, deadline_at)
SELECT 1 + n %% 4, n::text, 1, 1 + n %% 4, n %% 64, 1 + n %% 7, 0, 1,
       (ARRAY['waiting', 'claimed', 'submitting', 'sent', 'closed', 'closed'])[1 + n %% 6]::outcamp.attempt_state, 'sms', %(now)s,
       CASE WHEN n %% 6 > 1 THEN %(now)s END, CASE WHEN n %% 6 > 1 THEN %(now)s END, %(now)s
FROM generate_series(%(first)s::int, %(last)s::int) AS n;
INSERT INTO outcamp.past_attempts (occurrence_id, recipient_id, attempt, campaign_id, bucket, state, channel, due_at,
                                   submitted_at, counted_at)
SELECT -1 - n %% 4, n::text, 1, 1 + n %% 4, n %% 64, 'closed', 'sms', %(now)s, %(now)s, %(now)s
FROM generate_series(%(first)s::int, %(last)s::int) AS n;
"""
# Each table's index, and the columns by which a row, or a campaign's rows in flight, are found in it. No other scan is a good one.
ATTEMPT = ("attempts_pkey", "occurrence_id recipient_id attempt")
OF_OCCURRENCE = ("attempts_pkey", "occurrence_id")
ENTRY = ("entries_pkey", "occurrence_id recipient_id")
OPEN = ("one_open_entry", "campaign_id recipient_id")
OPEN_OF_CAMPAIGN = ("one_open_entry", "campaign_id")
PAST = ("past_attempts_pkey", "occurrence_id recipient_id attempt")
COUNTED = ("attempts_counted", "bucket recipient_id counted_at")
COUNTED_THEN = ("past_attempts_counted", "bucket recipient_id counted_at")
DUE = ("attempts_waiting", "campaign_id due_at")
WAITING = ("attempts_waiting", "campaign_id")
CLAIMED = ("attempts_claimed", "wave_id")
CLAIMED_IN_PART = ("attempts_claimed", "wave_id bucket")
OVERDUE = ("attempts_awaiting", "campaign_id deadline_at")
AWAITING = ("attempts_awaiting", "campaign_id")
PLANS = {
    "submit": {ATTEMPT},
    "still-claimed": {ATTEMPT},
    "hand-back": {ATTEMPT, ENTRY},
    "record-answers": {ATTEMPT},
    "record-outcomes": {ATTEMPT},
    "record-past-outcomes": {PAST},
    "match-outcomes": {ATTEMPT, PAST},
    "count-outcomes": {ATTEMPT},
    "suppress-by-outcome": {ATTEMPT, PAST},
    "set-no-outcome": {OVERDUE},
    "follow": {ATTEMPT, ENTRY, ("attempts_pkey", "occurrence_id recipient_id")},
    "over-limits": {COUNTED},
    "over-limits-ever": {COUNTED, COUNTED_THEN},
    "move-attempts": {ATTEMPT, ENTRY, OF_OCCURRENCE},
    "results-of-attempts": {ATTEMPT, PAST},
    "standing": {OPEN},
    "entries-so-far": {ENTRY},
    "put-off": {ATTEMPT, ENTRY},
    "claim-due": {DUE},
    "claim-deferred": {OPEN},
    "claimed-by-bucket": {CLAIMED},
    "claimed": {CLAIMED_IN_PART, ENTRY},
    "next-due": {WAITING, AWAITING, OPEN_OF_CAMPAIGN, OPEN},
    "waves-holding-rows": {CLAIMED},
    "give-back-claims": {CLAIMED},
    "doubt-submissions-of-batch": {CLAIMED},
    "doubt-submissions-of-waves": {CLAIMED},
    "live-campaigns": {OPEN_OF_CAMPAIGN},
}
# Where a name means one row, and a column elsewhere.
SCALARS = {"move-attempts": {"occurrence_id": 1}}


@pytest.fixture(scope="module", params=SIZES)
def connection(postgres_uri: str, request: pytest.FixtureRequest) -> Iterator[psycopg.Connection]:
    """A ledger that was never analysed, has grown since it was, or was just now; over a connection as the steps use it."""
    rows, analysed = request.param
    with throw_away_database(postgres_uri, f"plans_{rows}_{analysed}") as uri:
        ledger = Ledger.at(uri)
        ledger.migrate()
        with psycopg.connect(uri, autocommit=True) as other:
            fill(other, 1, analysed)
            if analysed:
                other.execute("ANALYZE")
            fill(other, analysed + 1, rows)
        with ledger.transaction() as tx:
            yield tx._connection  # noqa: SLF001
        ledger.close()


def fill(connection: psycopg.Connection, first: int, last: int) -> None:
    """Add entries and attempts in every state."""
    for statement in FILL.split(";")[:-1]:
        connection.execute(statement.encode(), {"now": NOW, "first": first, "last": last})


def values() -> dict[str, Any]:
    """A value for every parameter of the hot statements; columns have one chunk of rows."""
    keys = range(1000, 1000 + CHUNK)
    columns: dict[str, Any] = {
        "occurrence_id": [1 + key % 4 for key in keys],
        "recipient_id": [str(key) for key in keys],
        "bucket": [key % 64 for key in keys],
        "attempt": [1] * CHUNK,
        "campaign": ["spring"] * CHUNK,
        "occurrence": [0] * CHUNK,
        "asked": [True] * CHUNK,
        "is_new": [True] * CHUNK,
        "unreached": [False] * CHUNK,
    }
    columns |= {name: ["sms"] * CHUNK for name in ("endpoint", "channel", "state", "verdict", "reason", "message_id", "disposition")}
    columns |= {name: [NOW] * CHUNK for name in ("due_at", "disposed_at")}
    limits = {
        "counts": [2],
        "withins": [timedelta(days=7)],
        "totals": [False],
    }
    rules = {"rule": [0], "names": ["failed"], "wait": [timedelta(hours=1)], "times": [1]}
    scalars = {"campaign_id": 1, "wave_id": 1, "batch": 0, "token": 2, "everything": False, "all_campaigns": False}
    scalars |= {"first_bucket": 0, "last_bucket": 63, "wave_ids": [1, 2], "live": [1, 2], "outside_total": []}
    scalars |= {"failing": ["sms failed"], "complaining": ["complained"]}
    scalars |= {"after_recipient": "1", "after_attempt": 1, "rows": 500}
    moments = dict.fromkeys(("now", "at", "deadline_at", "expires_at", "before", "again_at"), NOW)
    return columns | limits | rules | scalars | moments | {"leeway": timedelta(minutes=5)}


def scans(plan: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every scan of attempts and entries in a plan: its index, and the columns that it looks up; a scan without an index has none."""
    if plan.get("Relation Name") in {"attempts", "past_attempts", "entries"} and plan["Node Type"] != "ModifyTable":
        alias = plan["Alias"]
        looked_up = re.findall(rf"(?:\(|{alias}\.)(\w+) (?:=|<=|>=|<|>) ", plan.get("Index Cond", ""))
        yield plan.get("Index Name", plan["Node Type"]), " ".join(dict.fromkeys(looked_up))
    for inner in plan.get("Plans", []):
        yield from scans(inner)


@pytest.mark.parametrize("name", PLANS)
def test_a_hot_statement_looks_rows_up(connection: psycopg.Connection, name: str) -> None:
    """For its values, the statement's plan scans attempts and entries only by these indexes, by all of these columns."""
    text = queries()[name]
    given = {key: value for key, value in (values() | SCALARS.get(name, {})).items() if f"%({key})s" in text}
    ((plan,),) = connection.execute(f"EXPLAIN (FORMAT JSON) {text}".encode(), given)
    assert PLANS[name] == set(scans(plan[0]["Plan"]))


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_for_any_values_is_the_same(connection: psycopg.Connection, name: str) -> None:
    """The plan that the server keeps for a statement it sees often is no other one."""
    numbers = {key: number for number, key in enumerate(values(), 1)}
    casts = {key: "::timestamptz" if isinstance(value, datetime) else "" for key, value in values().items()}
    text = re.sub(r"%\((\w+)\)s", lambda match: f"${numbers[match[1]]}{casts[match[1]]}", queries()[name])
    used = sorted({int(number) for number in re.findall(r"\$(\d+)", text)})
    for place, number in enumerate(used, 1):
        text = re.sub(rf"\${number}\b", f"${place}", text)
    ((plan,),) = connection.execute(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {text}".encode())
    assert PLANS[name] == set(scans(plan[0]["Plan"]))


def test_the_pins_notice_a_scan_of_a_whole_table(connection: psycopg.Connection) -> None:
    """A statement that no index serves shows as what it is."""
    ((plan,),) = connection.execute("EXPLAIN (FORMAT JSON) SELECT FROM outcamp.attempts WHERE token = 1")
    assert [("Seq Scan", "")] == list(scans(plan[0]["Plan"]))
