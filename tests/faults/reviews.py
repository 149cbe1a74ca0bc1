"""Checks of the reviews: what was sent had been approved, and whoever was rejected has left for that."""

from __future__ import annotations

from collections.abc import Iterator

from faults.books import Books


def reviewed(books: Books) -> Iterator[str]:
    """Nothing leaves, or comes due, unless the first answer was a yes, given before the last look; whoever was rejected has exited so."""
    occurrences = {row["occurrence_id"]: row for row in books["occurrences"]}
    for arrival in books.world.server.log:
        if books.world.plans[arrival.campaign].is_reviewed:
            occurrence = occurrences[arrival.key[0]]
            asked = (arrival.campaign, occurrence["scheduled_at"])
            answers = [said for said in books.world.answers if (said.campaign, said.scheduled_at) == asked]
            approved = min((said.at for said in answers if said.is_yes), default=None)
            if approved is None or approved > arrival.looked:
                yield f"{arrival.campaign} {arrival.key} went, and nobody had approved it"
            elif any(0 < said.commit <= approved for said in answers if not said.is_yes):
                yield f"{arrival.campaign} {arrival.key} went, and it was rejected first"
            if occurrence["review"] != "approved":
                yield f"{arrival.campaign} {arrival.key} went, and its occurrence is {occurrence['review']}"
    unapproved = {occurrence_id for occurrence_id, row in occurrences.items() if row["review"] in {"pending", "rejected"}}
    for page in books["diary"]:
        if page["occurrence_id"] in unapproved and (page["was"], page["is_now"]) == ("waiting", "claimed"):
            yield f"{page['occurrence_id']} {page['recipient_id']} was claimed, and nobody has approved the occurrence"
    campaigns = {row["campaign_id"]: row for row in books["campaigns"]}
    for entry in books["entries"]:
        campaign, review = campaigns[entry["campaign_id"]], occurrences[entry["occurrence_id"]]["review"]
        others = {"stopped", "deleted"} if campaign["stopped_at"] is not None else set()
        others |= {"expired"} if campaign["expires_at"] is not None else set()
        is_rejected = entry["exit_reason"] == "rejected"
        if is_rejected != (review == "rejected") and (is_rejected or entry["exit_reason"] not in others):
            yield f"{entry['occurrence_id']} {entry['recipient_id']} has exited as {entry['exit_reason']}, and the occurrence is {review}"
