"""Checks of what left: how often, when, whether it might, and what the books say of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

from faults.books import Books
from faults.server import NEVER_ARRIVED, Arrival

PROMPT = timedelta(minutes=2, seconds=2)  # by hand, from docs/transports.md, and as long as a pace may hold a chunk back


def twice(books: Books) -> Iterator[str]:
    """Each attempt of each occurrence of the schedule arrives at most once."""
    scheduled = {row["occurrence_id"]: row["scheduled_at"] for row in books["occurrences"]}
    for plan in books.world.plans.values():
        mine = [arrival for arrival in books.world.server.log if arrival.campaign == plan.name]
        keys = Counter((scheduled[arrival.key[0]], *arrival.key[1:]) for arrival in mine)
        yield from (f"{plan.name} {key} arrived {count} times" for key, count in keys.items() if count > 1)
        for key in keys:
            if key[0] not in plan.occurrences:
                yield f"{plan.name} {key}: no such occurrence is scheduled"
            if key[2] > plan.most_attempts:
                yield f"{plan.name} {key}: there are at most {plan.most_attempts} attempts"


def limits(books: Books) -> Iterator[str]:
    """Whenever a message was decided, fewer than the limit were decided before it within any stretch of the limit's length."""
    world = books.world
    by_recipient: dict[str, list[Arrival]] = defaultdict(list)
    for arrival in world.server.log:
        by_recipient[arrival.key[1]].append(arrival)
    for recipient, arrivals in by_recipient.items():
        for arrival in arrivals:
            plan = world.plans[arrival.campaign]
            both = [(count, within, False) for count, within in plan.limits]
            if not plan.ignores_total:
                both += [(limit.count, limit.within, True) for limit in world.total_limits]
            for count, within, in_total in both:
                before = [
                    other
                    for other in arrivals
                    if (other.commit, other.number) < (arrival.commit, arrival.number)
                    and abs(arrival.decided - other.decided) < within
                    and not (in_total and world.plans[other.campaign].ignores_total)
                    and world.server.disclosed.get(other.key, arrival.number + 1) > arrival.number
                ]
                if len(before) >= count:
                    at = f"{arrival.decided:%d %H:%M:%S.%f}"
                    yield f"{recipient} got {arrival.campaign} {arrival.key} at {at} after {len(before)} within {within}"


def windows(books: Books) -> Iterator[str]:
    """Each message was decided at an open moment between start and expiry, which no wait has closed, and left within two minutes."""
    world = books.world
    zones = {row["recipient_id"]: row["time_zone"] for plan in world.plans.values() for rows in plan.rows.values() for row in rows}
    for arrival in world.server.log:
        plan = world.plans[arrival.campaign]
        if arrival.read - arrival.decided > PROMPT:
            yield f"{arrival.campaign} {arrival.key} was decided at {arrival.decided}, and went at {arrival.read}"
        for moment in (arrival.decided, arrival.decided + arrival.waited):
            hour = moment.astimezone(ZoneInfo(zones[arrival.key[1]])).hour
            if plan.hours is not None and not plan.hours[0] <= hour < plan.hours[1]:
                yield f"{arrival.campaign} {arrival.key} went at {moment}, which is {hour} o'clock there"
            if moment < plan.occurrences[0] - world.slipped or (plan.expires is not None and moment >= plan.expires):
                yield f"{arrival.campaign} {arrival.key} went at {moment}, and the campaign lasts until {plan.expires}"


def halted(books: Books) -> Iterator[str]:
    """Nothing is sent for a campaign that was paused, stopped or in Error when that was looked at last.

    The look comes some time after the clock is read and before the commit: an error that somebody lifted in between may have been gone.
    And an error that finds one standing changes nothing: whoever lifts that one before the newer one has committed lifts both.
    """
    by_campaign = defaultdict(list)
    for deed in books.world.deeds:
        if deed.commit and deed.kind != "suppress":
            by_campaign[deed.campaign].append((deed.commit, deed.kind, deed.begun))
    for arrival in books.world.server.log:
        if arrival.in_pause:
            yield f"{arrival.campaign} {arrival.key} went, and the campaign was paused"
        deeds = sorted(by_campaign[arrival.campaign])
        before = [(kind, begun) for commit, kind, begun in deeds if commit <= arrival.looked]
        kind, since = ([("", 0)] + [deed for deed in before if deed[0] in {"error", "resume"}])[-1]
        in_error = kind == "error" and not any(kind == "resume" and since < commit < arrival.commit for commit, kind, _ in deeds)
        if in_error or {"stop", "delete"} & {kind for kind, _ in before}:
            yield f"{arrival.campaign} {arrival.key} went after {[kind for kind, _ in before]}"


def suppressed(books: Books) -> Iterator[str]:
    """Nothing goes to anybody who had been put on the list, or had opted out, when that was looked at last."""
    listed = [(deed.commit, deed.whom.value) for deed in books.world.deeds if deed.kind == "suppress" and deed.commit and deed.whom]
    listed += _opt_outs(books)
    for arrival in books.world.server.log:
        for commit, whom in listed:
            if commit <= arrival.looked and whom in {arrival.key[1], arrival.endpoint}:
                yield f"{arrival.campaign} {arrival.key} went to {arrival.endpoint}, and {whom} was on the list"


def _opt_outs(books: Books) -> Iterator[tuple[int, str]]:
    """Yield who asked for no more messages, each with the number of a transaction by which that stood in the books."""
    server = books.world.server
    for outcome in server.outcomes:
        if outcome.disposition == "opted_out" and outcome.commit:
            yield outcome.commit, outcome.key[1]
    for key, code in server.answered.items():
        carrier = server.carriers[key]
        if code == "opted_out" and carrier.ended and not carrier.crashed and carrier.error is None:
            yield carrier.last_commit, key[1]


def counted(books: Books) -> Iterator[str]:
    """What arrived stands in the ledger as submitted, and counts unless the channel said that it did not reach the person."""
    attempts = {(row["occurrence_id"], row["recipient_id"], row["attempt"]): row for row in books["attempts"]}
    for arrival in books.world.server.log:
        row = attempts.get(arrival.key)
        if row is None or row["submitted_at"] is None or row["state"] not in {"sent", "closed"}:
            yield f"{arrival.campaign} {arrival.key} arrived, and the ledger says {row and row['state']}"
        elif row["counted_at"] is None and not (row["disposition"] in NEVER_ARRIVED and arrival.key in books.world.server.disclosed):
            yield f"{arrival.campaign} {arrival.key} arrived, is {row['disposition']}, and does not count"
        elif row["counted_at"] is not None and row["counted_at"] != arrival.decided:
            yield f"{arrival.campaign} {arrival.key} was decided at {arrival.decided} and counts from {row['counted_at']}"


def told(books: Books) -> Iterator[str]:
    """A disposition is one that the channel told; one that was taken in before the deadline, or as an answer, is not forgotten."""
    server = books.world.server
    codes = defaultdict(set)
    for outcome in server.outcomes:
        if outcome.acknowledged_at is not None:
            codes[outcome.key].add(outcome.disposition)
    for key, code in server.answered.items():
        codes[key].add(code)
    attempts = {(row["occurrence_id"], row["recipient_id"], row["attempt"]): row for row in books["attempts"]}
    for key, row in attempts.items():
        carrier = server.carriers.get(key)
        if key in server.answered and carrier and not carrier.crashed and carrier.error is None and row["disposition"] in {None, "unknown"}:
            yield f"{key} is {row['disposition']}, and {server.answered[key]} was the answer to {carrier.name}, which ended well"
        if row["disposition"] not in {None, "unknown", "no_outcome", *codes[key]}:
            yield f"{key} is {row['disposition']}, and the channel told {sorted(codes[key])}"
    for outcome in server.outcomes:
        row = attempts.get(outcome.key, {})
        deadline, taken = row.get("deadline_at"), outcome.acknowledged_at
        if deadline is not None and taken is not None and taken < deadline and row["disposition"] in {None, "unknown", "no_outcome"}:
            yield f"{outcome.key} is {row['disposition']}, and {outcome.disposition} was taken in at {taken}, before {deadline}"


def doubts(books: Books) -> Iterator[str]:
    """What never arrived is at worst unknown, and no more chunks are in doubt than tries of send were lost."""
    arrived = {arrival.key for arrival in books.world.server.log}
    for row in books["attempts"]:
        key = (row["occurrence_id"], row["recipient_id"], row["attempt"])
        if row["submitted_at"] is None:
            continue
        if key not in arrived and row["disposition"] != "unknown":
            yield f"{key} never arrived, and the ledger says {row['state']} {row['disposition']}"
    in_doubt = {(page["wave_id"], page["batch"], page["token"]) for page in books["diary"] if page["disposition"] == "unknown"}
    causes = books.world.lost_sends + len(books.world.server.in_doubt)
    if len(in_doubt) > causes:
        yield f"{len(in_doubt)} chunks were in doubt, and {causes} tries were lost or had no answer"
