"""fan_out: nothing is sent unless everybody is accounted for, and who is not asked about any more is no breach."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from outcamp.core.errors import BrokenPromise
from outcamp.steps.audit import audit
from outcamp.steps.fan_out import check_accounts, fan_out
from outcamp.steps.filter import filter_part
from outcamp.steps.stop import record_error, resume, stop
from outcamp.store.lake import FileRef
from outcamp.store.waves import PartRow
from small_world import NOW, PEOPLE, RUN, World, make_world

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
DAILY = "schedule: {start: 2026-12-01 15:00, time_zone: UTC, repeat: daily}\n"
EXPIRES = "schedule: {start: 2026-12-01 15:00, time_zone: UTC, expires: 2026-12-01 16:00}\n"
SNAPSHOT = PartRow(0, 0, 63, 3)
BATCHED = FileRef("batches", "b", "hash", 2, (2,))
DECIDED = PartRow(0, 0, 63, 3, (BATCHED,), (("drop", "suppressed", 1), ("send", "", 2)))
LOOK = "\n  Next: nothing was sent; compare the part's Parquet in verdicts/ with snapshots/, and report it"


@pytest.fixture
def world(database_uri: str, tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes small campaigns in one ledger and one lake."""
    with ExitStack() as stack:
        yield lambda *more, **settings: make_world(stack, database_uri, tmp_path, *more, **settings)


def refusal(snapshot: list[PartRow], decided: list[PartRow], *, segment: bool = True) -> str:
    """What is said about parts that do not add up."""
    with pytest.raises(BrokenPromise) as raised:
        check_accounts("20261201T150000Z", snapshot, decided, segment=segment)
    return str(raised.value)


def test_parts_that_add_up_are_accepted() -> None:
    """Candidates = send + later + drops, and every send is in a batch."""
    check_accounts(RUN, [SNAPSHOT], [DECIDED], segment=True)
    check_accounts(RUN, [], [], segment=True)
    # A newer occurrence may have replaced a deferred row that a wave of due rows had claimed.
    check_accounts(RUN, [replace(SNAPSHOT, rows=4)], [DECIDED], segment=False)


def test_a_part_without_verdicts_stops_the_wave() -> None:
    """A missing part is named, and what to do about it."""
    message = "wave 20261201T150000Z: the parts [0, 1] have no verdicts\n  Next: clear the wave's snapshot in Airflow, with what follows it"
    assert message == refusal([SNAPSHOT, replace(SNAPSHOT, part=1)], [])


@pytest.mark.parametrize(
    ("snapshot", "decided", "message"),
    [
        (replace(SNAPSHOT, rows=4), DECIDED, "part 0: 4 candidates, 3 of them considered"),
        (replace(SNAPSHOT, rows=2), DECIDED, "part 0: 2 candidates, 3 of them considered"),
        (SNAPSHOT, replace(DECIDED, funnel=(("send", "", 2),)), "part 0: 3 candidates, verdicts {'send': 2, 'later': 0, 'drop': 0}"),
        (
            SNAPSHOT,
            replace(DECIDED, funnel=(*DECIDED.funnel, ("perhaps", "", 1))),
            "part 0: 3 candidates, verdicts {'send': 2, 'later': 0, 'drop': 1}",
        ),
        (SNAPSHOT, replace(DECIDED, files=()), "part 0: 2 to send, 0 in batches"),
    ],
)
def test_sums_that_are_off_stop_the_wave(snapshot: PartRow, decided: PartRow, message: str) -> None:
    """Nothing is sent when somebody was lost or appeared twice, and the numbers are shown."""
    assert f"wave 20261201T150000Z, {message}{LOOK}" == refusal([snapshot], [decided])


def test_a_wave_whose_sum_is_off_is_not_fanned_out(world: Callable[..., World]) -> None:
    """The check stands before the batches: none is listed, and the occurrence stays open."""
    here = world()
    here.filtered()
    here.change("UPDATE outcamp.parts SET rows = rows + 1 WHERE step = 'snapshot'")
    with pytest.raises(BrokenPromise, match=f"wave {RUN}, part 0: 3 candidates, 2 of them considered"):
        fan_out(here.engine, RUN, NOW)
    assert [] == here.books()["batches"]
    assert [(None,)] == here.rows("SELECT closed_at FROM outcamp.occurrences")
    assert len(PEOPLE) == len(here.attempts())


@pytest.mark.parametrize("halt", ["stop", "error", "expiry"])
def test_a_wave_that_a_halt_overtakes_before_it_is_decided_ends_without_a_failure(world: Callable[..., World], halt: str) -> None:
    """A later try of its snapshot asks for no verdicts any more; nothing is sent, the books are whole, and a resume lets it go on."""
    here = world(EXPIRES)
    here.snapshot()
    engine, now = here.engine, NOW + HOUR if halt == "expiry" else NOW
    if halt == "stop":
        stop(engine.ledger, engine.manifest, now)
    if halt == "error":
        record_error(engine, "somebody saw smoke", now)
    assert [] == fan_out(engine, RUN, now)
    assert [(None,)] == here.rows("SELECT closed_at FROM outcamp.occurrences")
    assert [] == list(audit(engine.ledger, engine.lake, {"spring": engine.manifest}, now).breaches)
    if halt == "error":
        resume(engine.ledger, engine.manifest)
        assert len(PEOPLE) == sum(batch.rows for batch in here.batches())


def test_a_part_that_is_cleared_after_its_occurrence_was_overtaken_decides_nobody(world: Callable[..., World]) -> None:
    """Whoever had no verdict by then is in the successor's segment, and is contacted by that one alone."""
    here = world(DAILY)
    here.snapshot()
    assert filter_part(here.engine, RUN, 0, NOW + DAY) is None
    assert [] == fan_out(here.engine, RUN, NOW + DAY)
    assert [] == here.attempts()


@pytest.mark.parametrize(("schedule", "ends"), [(DAILY, DAY), (EXPIRES, HOUR)], ids=["successor", "expiry"])
def test_a_clock_that_was_set_back_makes_no_breach(world: Callable[..., World], schedule: str, ends: timedelta) -> None:
    """An earlier step may have seen the end, and asked for no verdicts; long before the end, a part without them stops the wave."""
    here = world(schedule)
    here.snapshot()
    with pytest.raises(BrokenPromise, match=r"the parts \[0\] have no verdicts"):
        fan_out(here.engine, RUN, NOW + ends - 61 * SECOND)
    assert [] == fan_out(here.engine, RUN, NOW + ends - 5 * SECOND)
    assert [] == here.attempts()
