"""Whatever has been moved, limits count what they counted before: against a slow oracle, for drawn books, limits and instants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outcamp.steps.retain import retain
from outcamp.store import admission, retention
from outcamp.store.embedded import throw_away_database
from outcamp.store.ledger import Ledger, Transaction

NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
DAY = timedelta(days=1)
RECIPIENTS = ("ada", "ben")
CAMPAIGNS = {1: "active", 2: "stopped", 3: "outside total limits"}
BUCKET = 7

Contact = tuple[int, str, int, int, str]  # campaign, recipient, attempt, the day on which it counted, how it stands
Found = dict[str, datetime]


@dataclass(frozen=True)
class Asked:
    """Limits as (count, days, of the whole deployment), and when they are asked for, in days from NOW."""

    limits: tuple[tuple[int, int, bool], ...]
    day: int
    all_campaigns: bool

    @property
    def now(self) -> datetime:
        """The instant of the question."""
        return NOW + self.day * DAY


STANDS = ("closed", "closed", "closed", "unknown", "sent", "open", "unreached", "resolved today")
CONTACTS = st.tuples(
    st.sampled_from(sorted(CAMPAIGNS)), st.sampled_from(RECIPIENTS), st.integers(1, 6), st.integers(-40, 1), st.sampled_from(STANDS)
)
LIMITS = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 45), st.booleans()), min_size=1, max_size=3).map(tuple)
QUESTIONS = st.lists(st.builds(Asked, LIMITS, st.integers(-3, 8), st.booleans()), min_size=1, max_size=4)
# When attempts are moved, and how long they are kept: less than limits look back, too.
MOVES = st.lists(st.tuples(st.integers(-5, 10), st.integers(1, 45)), min_size=1, max_size=3)


@pytest.fixture(scope="module")
def ledger(postgres_uri: str) -> Iterator[Ledger]:
    """A ledger that is emptied for each example."""
    with throw_away_database(postgres_uri, "retained_limits") as uri:
        ledger = Ledger.at(uri)
        ledger.migrate()
        yield ledger
        ledger.close()


def write(connection: psycopg.Connection, book: list[Contact]) -> None:
    """Write a book anew: the campaigns, an occurrence of each that is over, and these attempts."""
    connection.execute("TRUNCATE outcamp.campaigns, outcamp.attempts, outcamp.past_attempts, outcamp.entries RESTART IDENTITY CASCADE")
    for campaign_id, kind in CAMPAIGNS.items():
        connection.execute(
            "INSERT INTO outcamp.campaigns (name, seal, published_at, ignores_total_limits, stopped_at) VALUES (%s, '', %s, %s, %s)",
            (kind, NOW, kind == "outside total limits", NOW - 100 * DAY if kind == "stopped" else None),
        )
        connection.execute(
            "INSERT INTO outcamp.occurrences (campaign_id, scheduled_at, number, run, opened_at) VALUES (%s, %s, 0, 'r', %s)",
            (campaign_id, NOW, NOW),
        )
        connection.execute("INSERT INTO outcamp.retention VALUES (%s, '-infinity', 0, NULL, '-infinity')", (campaign_id,))
    for campaign_id in CAMPAIGNS:
        for recipient in RECIPIENTS:
            stands = {kind for one, name, _, _, kind in book if (one, name) == (campaign_id, recipient)}
            connection.execute(
                "INSERT INTO outcamp.entries VALUES (%s, %s, %s, %s, 0, %s, %s)",
                (campaign_id, recipient, campaign_id, BUCKET, NOW - 60 * DAY, None if "open" in stands else NOW - 50 * DAY),
            )
    for campaign_id, recipient, attempt, day, kind in book:
        at = NOW + day * DAY
        connection.execute(
            """INSERT INTO outcamp.attempts (occurrence_id, recipient_id, attempt, campaign_id, bucket, state, channel, due_at,
                                             submitted_at, counted_at, deadline_at, disposed_at, disposition)
               VALUES (%s, %s, %s, %s, %s, %s, 'sms', %s, %s, %s, %s, %s, %s)""",
            (
                *(campaign_id, recipient, attempt, campaign_id, BUCKET, "sent" if kind == "sent" else "closed", at, at),
                *(None if kind == "unreached" else at, at, NOW if kind == "resolved today" else at),
                "unknown" if kind == "unknown" else "delivered",
            ),
        )


def over_limits(tx: Transaction, asked: Asked) -> Found:
    """Return who is over the limits by the ledger, and until when; campaign 1 asks."""
    limits, totals = ([(count, days * DAY) for count, days, total in asked.limits if total is is_total] for is_total in (False, True))
    recipients = pa.table({"recipient_id": list(RECIPIENTS), "bucket": pa.array([BUCKET] * len(RECIPIENTS), pa.int16())})
    over, frees = admission.over_limits(tx, 1, recipients, limits, totals, asked.now, all_campaigns=asked.all_campaigns)
    return {RECIPIENTS[row]: free_at for row, free_at in zip(over, frees, strict=True)}


def oracle(book: list[Contact], asked: Asked) -> Found:
    """Return the same by counting: in the window, of the campaigns that count, newest first."""
    found: Found = {}
    for recipient in RECIPIENTS:
        for count, days, total in asked.limits:
            instants = sorted(
                (
                    NOW + day * DAY
                    for campaign_id, name, _, day, kind in book
                    if name == recipient
                    and kind != "unreached"
                    and NOW + day * DAY > asked.now - days * DAY
                    and (asked.all_campaigns or CAMPAIGNS[campaign_id] != "stopped")
                    and not (total and CAMPAIGNS[campaign_id] == "outside total limits")
                ),
                reverse=True,
            )
            if len(instants) >= count:
                free_at = instants[count - 1] + days * DAY
                found[recipient] = max(found.get(recipient, free_at), free_at)
    return found


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    book=st.lists(CONTACTS, max_size=14, unique_by=lambda contact: contact[:3]),
    questions=QUESTIONS,
    moves=MOVES,
)
def test_a_move_changes_no_verdict(ledger: Ledger, book: list[Contact], questions: list[Asked], moves: list[tuple[int, int]]) -> None:
    """Before and after each move, limits of any length say what counting says; also where the clock has been set back since."""
    with ledger.transaction() as tx:
        write(tx._connection, book)  # noqa: SLF001
    expected = [oracle(book, asked) for asked in questions]
    for day, keep in [(-5, 100), *moves]:  # the first one moves nothing
        at = NOW + day * DAY
        retain(ledger, at - keep * DAY, at)
        with ledger.transaction() as tx:
            assert expected == [over_limits(tx, asked) for asked in questions]


OLD: list[Contact] = [(1, "ada", 1, -30, "closed")]


@pytest.mark.parametrize("when", ["over-limits", "newest-move"])
def test_a_move_in_the_middle_of_a_check_changes_no_verdict(ledger: Ledger, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither just before limits are counted nor just before it is asked how far moves have come."""
    run = Transaction.run

    def moving(self: Transaction, name: str, /, **parameters: Any) -> list[tuple[Any, ...]]:
        if name == when and not moved:
            moved.append(retain(other, NOW - 20 * DAY, NOW))
        return run(self, name, **parameters)

    asked, moved = Asked(((1, 45, False),), 0, all_campaigns=True), []
    with ledger.transaction() as tx:
        write(tx._connection, OLD)  # noqa: SLF001
        uri = tx._connection.info.dsn  # noqa: SLF001
    other = Ledger.at(uri)
    monkeypatch.setattr(Transaction, "run", moving)
    with ledger.transaction() as tx:
        assert {"ada": NOW + 15 * DAY} == over_limits(tx, asked)
    assert [1] == moved
    other.close()


def test_a_limit_within_the_retention_reads_nothing_that_was_moved(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual case costs one look-up of how far moves have come."""
    ran: list[str] = []
    run = Transaction.run

    def noting(self: Transaction, name: str, /, **parameters: Any) -> list[tuple[Any, ...]]:
        ran.append(name)
        return run(self, name, **parameters)

    with ledger.transaction() as tx:
        write(tx._connection, OLD)  # noqa: SLF001
    assert 1 == retain(ledger, NOW - 20 * DAY, NOW)
    monkeypatch.setattr(Transaction, "run", noting)
    with ledger.transaction() as tx:
        over_limits(tx, Asked(((1, 20, False),), 0, all_campaigns=True))
        assert ["over-limits", "newest-move"] == ran
        over_limits(tx, Asked(((1, 21, False),), 0, all_campaigns=True))
        assert ["over-limits", "newest-move", "over-limits-ever"] == ran[2:]
        assert NOW - 20 * DAY == retention.newest(tx)
