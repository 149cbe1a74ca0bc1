"""review: a person approves an occurrence before anything of it is sent.

The answer is a fact of the occurrence in the ledger. Until it is there, no wave claims what waits and no send submits. A rejected
occurrence's people leave the campaign; the next occurrence may admit them anew, and asks for itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from outcamp.core.reasons import reason_in_words
from outcamp.core.schedule import next_occurrence
from outcamp.steps.engine import Engine
from outcamp.steps.second_look import ENDS
from outcamp.store import campaigns, reviews, waves
from outcamp.store.reviews import APPROVED, PENDING, REJECTED
from outcamp.store.waves import WaveRow


@dataclass(frozen=True)
class Question:
    """What a person is asked about an occurrence; it holds counts only. ``answer_by``: later, the answer is no; None: any time."""

    subject: str
    body: str
    answer_by: datetime | None


def question_of(engine: Engine, run: str, now: datetime) -> Question | None:
    """Return what is to be asked before this wave may send, or None: it is answered, or there is nothing to approve.

    An occurrence of which nobody would ever be sent to needs no answer, and one that has ended meanwhile takes none.
    """
    with engine.ledger.transaction() as tx:
        campaign_id = engine.register(tx).campaign_id
        wave = waves.find_wave(tx, campaign_id, run)
        if wave is None or wave.occurrence_id is None or reviews.review_of(tx, wave.occurrence_id) != PENDING:
            return None
        ended, _ = campaigns.halt(tx, campaign_id, now)
        if ended in ENDS:
            reviews.reject(tx, campaign_id, wave.occurrence_id, now, ended)
            return None
        decided = waves.parts(tx, wave.wave_id, "filter")
        funnel: dict[tuple[str, str], int] = {}
        for verdict, reason, people in (line for part in decided for line in part.funnel):
            funnel[verdict, reason] = funnel.get((verdict, reason), 0) + people
        if not any(people for (verdict, _), people in funnel.items() if verdict != "drop"):
            reviews.approve(tx, wave.occurrence_id, now)
            return None
        answer_by = _answer_by(engine, now)
        return Question(_subject(engine, funnel), _body(engine, wave, funnel, answer_by), answer_by)


def answer(engine: Engine, run: str, now: datetime, *, approved: bool) -> None:
    """Write down what was said to a wave's occurrence; the first answer stands."""
    with engine.ledger.transaction() as tx:
        campaign_id = engine.register(tx).campaign_id
        wave = waves.find_wave(tx, campaign_id, run)
        if wave is None or wave.occurrence_id is None:
            return
        if approved:
            reviews.approve(tx, wave.occurrence_id, now)
        else:
            ended, _ = campaigns.halt(tx, campaign_id, now)
            reviews.reject(tx, campaign_id, wave.occurrence_id, now, ended if ended in ENDS else REJECTED)


def may_send(engine: Engine, run: str) -> bool:
    """Tell whether a wave's occurrence is approved; a wave without one only sends what was approved before."""
    with engine.ledger.transaction() as tx:
        wave = waves.find_wave(tx, engine.register(tx).campaign_id, run)
        return wave is None or wave.occurrence_id is None or reviews.review_of(tx, wave.occurrence_id) in {APPROVED, None}


def _answer_by(engine: Engine, now: datetime) -> datetime | None:
    """Return until when an answer is waited for: the next occurrence replaces this one, and after the expiry nothing is sent."""
    successor = next_occurrence(engine.campaign.schedule, engine.manifest.published_at, now)
    return min((moment for moment in (successor, engine.expires_at) if moment is not None), default=None)


def _subject(engine: Engine, funnel: dict[tuple[str, str], int]) -> str:
    now, later = (sum(people for (verdict, _), people in funnel.items() if verdict == wanted) for wanted in ("send", "later"))
    return f"Contact {now:,} people of {engine.campaign.name} now" + (f", and {later:,} later?" if later else "?")


def _body(engine: Engine, wave: WaveRow, funnel: dict[tuple[str, str], int], answer_by: datetime | None) -> str:
    rows = [
        f"| {verdict} | {reason_in_words(reason) if reason else f'by {engine.campaign.channel}, now'} | {people:,} |"
        for (verdict, reason), people in sorted(funnel.items(), key=lambda line: (_ORDER.index(line[0][0]), -line[1]))
    ]
    until = f"Without an answer by {answer_by:%Y-%m-%d %H:%M:%S} UTC it is rejected." if answer_by else "There is time for the answer."
    return "\n".join(
        [
            f"Occurrence {wave.number} of **{engine.campaign.name}**: {sum(funnel.values()):,} people were considered.",
            "",
            "| verdict | why | people |",
            "|---|---|---:|",
            *rows,
            "",
            f"**Approve** lets it begin. **Reject** contacts nobody: they leave the campaign as `rejected`. {until}",
        ]
    )


_ORDER = ("send", "later", "drop")
