"""Checks of how people stand in a campaign: what became of each entry, and the way there of each attempt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from faults.books import Books, attempts_by_entry
from faults.server import Key


def entries(books: Books) -> Iterator[str]:
    """A recipient is in a campaign once at a time, with one attempt at a time, numbered without a gap."""
    is_open = Counter((row["campaign_id"], row["recipient_id"]) for row in books["entries"] if row["exited_at"] is None)
    yield from (f"{key} has {count} open entries" for key, count in is_open.items() if count > 1)
    for key, attempts in attempts_by_entry(books).items():
        numbers = sorted(row["attempt"] for row in attempts)
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"{key} has the attempts {numbers}"
        if sum(row["state"] != "closed" for row in attempts) > 1:
            yield f"{key} has several attempts at once"


def rest(books: Books) -> Iterator[str]:
    """After the quiet stretch nobody is held, waiting or half submitted, and every entry has exited with a reason."""
    attempts = attempts_by_entry(books)
    for row in books["entries"]:
        mine = attempts.get((row["occurrence_id"], row["recipient_id"]), [])
        where = f"{row['occurrence_id']} {row['recipient_id']}"
        if not mine:
            yield f"{where} has no attempt"
        if row["exited_at"] is None or not row["exit_reason"]:
            yield f"{where} is still open: {[(one['attempt'], one['state'], str(one['due_at'])) for one in mine]}"
        elif held := [one["state"] for one in mine if one["state"] in {"waiting", "claimed", "submitting"}]:
            yield f"{where} has exited, and its attempts are {held}"
        elif row["exit_reason"] == "finished" and max(mine, key=lambda one: one["attempt"])["submitted_at"] is None:
            yield f"{where} has finished without a submission"
    yield from (f"{row['recipient_id']} still waits to enter" for row in books["deferred"])
    yield from _open_occurrences(books)
    for run in books.world.runs.values():
        if run.is_live:
            yield f"{run.campaign} {run.key} is {run.state}"


def _open_occurrences(books: Books) -> Iterator[str]:
    """Yield newest occurrences that are not decided to the end, and any that wait for an answer; a campaign that is over may leave some."""
    for campaign in books["campaigns"]:
        plan = books.world.plans[campaign["name"]]
        scheduled = {row["scheduled_at"]: row for row in books["occurrences"] if row["campaign_id"] == campaign["campaign_id"]}
        if plan.expires is None and campaign["stopped_at"] is None:
            newest = scheduled.get(plan.occurrences[-1])
            if newest is None or newest["closed_at"] is None:
                yield f"{plan.name}: the occurrence of {plan.occurrences[-1]} was never decided to the end"
            for occurrence in scheduled.values():
                if occurrence["review"] == "pending":
                    yield f"{plan.name}: the occurrence of {occurrence['scheduled_at']} waits for an answer for ever"


# From which state to which an attempt may go; None: it did not exist.
STEPS = {
    None: {"waiting", "claimed"},
    "waiting": {"waiting", "claimed", "closed"},
    "claimed": {"claimed", "waiting", "submitting", "closed"},
    "submitting": {"sent", "closed"},  # and back, when the other side says that it did not take it
    "sent": {"sent", "closed"},
    "closed": {"closed"},
}


def diary(books: Books) -> Iterator[str]:
    """An attempt goes from state to state as the design says, and back to where it can be submitted only if it certainly never left."""
    server, back, late, submitted = books.world.server, Counter[Key](), Counter[Key](), Counter[Key]()
    for page in books["diary"]:
        key = (page["occurrence_id"], page["recipient_id"], page["attempt"])
        if (page["was"], page["is_now"]) == ("submitting", "waiting"):
            (late if page["waits_for"] == "late" else back)[key] += 1
        elif page["is_now"] not in STEPS[page["was"]]:
            yield f"{key} went from {page['was']} to {page['is_now']}"
        submitted[key] += page["is_now"] == "submitting"
    for key, times in back.items():
        if times > server.turned_away[key]:
            yield f"{key} was taken back {times} times, and turned away {server.turned_away[key]} times"
    arrived = Counter(arrival.key for arrival in server.log)
    for key, times in late.items():
        if times + arrived[key] + server.turned_away[key] > submitted[key]:
            yield f"{key} was taken back {times} times as if it had never left, and submitted {submitted[key]} times"
