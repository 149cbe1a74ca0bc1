"""Outcomes of one attempt that contradict each other: the books end the same in whatever order they come, however often each comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcamp.steps.ingest import ingest
from outcamp.store import submission
from outcamp.store.datasets import ATTEMPT_KEYS
from outcamp.store.embedded import throw_away_database
from outcamp.store.submission import RESULTS
from outcome_world import event, forget_outcomes, sent_world, take, written
from small_world import NOW, PEOPLE, World

DEADLINE = NOW + timedelta(hours=72)
AFTERWARDS = DEADLINE + timedelta(hours=1)
INSTANTS = [
    NOW - timedelta(minutes=3),
    NOW,
    NOW + timedelta(seconds=1),
    NOW + timedelta(hours=2),
    DEADLINE,
    DEADLINE + timedelta(seconds=1),
]
UNREACHED = {"blocked", "unreachable", "failed"}
RULE = "reattempts: [{when: [unreachable, no_outcome, unknown], channel: sms, wait: 30 minutes, times: 3}]\n"

outcomes = st.tuples(st.sampled_from(["delivered", "opted_out", *sorted(UNREACHED)]), st.sampled_from(INSTANTS))


@pytest.fixture(scope="module")
def world(postgres_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One person to whom a message went."""
    with throw_away_database(postgres_uri, "orders") as uri, ExitStack() as stack:
        yield sent_world(stack, uri, tmp_path_factory.mktemp("lake"), RULE, people=PEOPLE[:1])


def end_of(known: list[tuple[str, datetime]], start: str, answer: str | None) -> tuple[str, bool]:
    """What the books must say at last, from docs/outcomes.md: the newest outcome that is not late, and whether it counts."""
    in_time = [(max(at, NOW + timedelta(microseconds=1)), code not in UNREACHED, code) for code, at in known if at <= DEADLINE]
    at_once = [(NOW, answer not in UNREACHED, answer)] if answer else []
    if not in_time + at_once:
        return ("unknown" if start == "doubted" else "no_outcome"), True
    _, counts, code = max(in_time + at_once)
    return code, counts


def answer_with(world: World, disposition: str | None) -> None:
    """Write down what the transport answered."""
    ((occurrence_id, wave_id, batch, token),) = world.rows(
        "SELECT occurrence_id, wave_id, batch, token FROM outcamp.attempts WHERE attempt = 1"
    )
    row = dict(zip(ATTEMPT_KEYS.names, (occurrence_id, "ada", 1), strict=True))
    row |= {"message_id": "m", "disposition": disposition, "disposed_at": disposition and NOW, "unreached": disposition in UNREACHED}
    with world.engine.ledger.transaction() as tx:
        answers = pa.Table.from_pylist([row], schema=RESULTS)
        world.engine.follow(tx, submission.record_answers(tx, wave_id, batch, token, answers))


@settings(max_examples=40)
@given(
    known=st.lists(outcomes, max_size=4),
    start=st.sampled_from(["submitting", "doubted"]),
    answer=st.sampled_from([None, "delivered", "failed"]),
    data=st.data(),
)
def test_every_order_ends_the_same(
    world: World,
    tmp_path_factory: pytest.TempPathFactory,
    known: list[tuple[str, datetime]],
    start: str,
    answer: str | None,
    data: st.DataObject,
) -> None:
    """Early, late, twice, before the transport's answer or after the deadline was noticed; and no attempt is followed by two."""
    folder = tmp_path_factory.mktemp("files")
    forget_outcomes(world)
    if start == "doubted":
        answer = None  # its try is dead
        world.change("UPDATE outcamp.attempts SET state = 'closed', disposition = 'unknown', disposed_at = %s", NOW)
    else:
        world.change("UPDATE outcamp.attempts SET state = 'submitting'")
    happen: list[Callable[[], object]] = [
        lambda news=news: take(world, written(folder, [event("ada", *news)]), AFTERWARDS)
        for news in [*known, *data.draw(st.lists(st.sampled_from(known), max_size=2) if known else st.just([]))]
    ]
    happen.append(lambda: ingest(world.engine, AFTERWARDS))
    if start == "submitting":
        happen.append(lambda: answer_with(world, answer))
    for step in data.draw(st.permutations(happen)):
        step()
    ingest(world.engine, AFTERWARDS)
    attempts = world.rows("SELECT attempt, disposition, counted_at IS NOT NULL FROM outcamp.attempts ORDER BY attempt")
    assert (1, *end_of(known, start, answer)) == attempts[0]
    assert [(2, None, False)][: len(attempts) - 1] == attempts[1:]


def test_several_files_at_once_are_one_after_the_other(world: World, tmp_path: Path) -> None:
    """All of them in one file end as the oracle says of them."""
    forget_outcomes(world)
    known = [(code, at) for code in ("delivered", "failed", "opted_out") for at in INSTANTS]
    take(world, written(tmp_path, [event("ada", *news) for news in [*known, *known]]), AFTERWARDS)
    ((said, counts),) = world.rows("SELECT disposition, counted_at IS NOT NULL FROM outcamp.attempts WHERE attempt = 1")
    assert end_of(known, "submitting", None) == (said, counts)
