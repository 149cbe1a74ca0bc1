"""The task of a wave that asks a person, for campaigns with ``review: true``: Airflow's own approval, with the funnel."""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import BaseOperator

from outcamp.dag import tasks

TASK_ID = "approve"


class ReviewOperator(ApprovalOperator):
    """Asks whether a wave's occurrence may be sent, once: the answer stands in the ledger before the sends begin."""

    template_fields = ()  # the question is put together from the ledger's counts, not from text that people wrote

    def __init__(self, *, campaign: str, **settings: Any) -> None:
        super().__init__(subject=f"Send {campaign}?", defaults=self.REJECT, **settings)
        self.campaign = campaign

    def execute(self, context: Any) -> Any:
        """Ask and wait; go on at once where there is nothing to ask."""
        asked = tasks.ask(self.campaign)
        if asked is None:
            return self._go_on(context)
        question, self.response_timeout = asked
        self.subject, self.body = question.subject, question.body
        return super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Write the answer down; where another one stands already, that one counts."""
        said = super(ApprovalOperator, self).execute_complete(context, event)["chosen_options"]
        tasks.answer(self.campaign, approved=said == [self.APPROVE])
        return self._go_on(context)

    def _go_on(self, context: Any) -> bool:
        approved = tasks.may_send(self.campaign)
        if not approved:
            self.log.info("Nothing is sent: the occurrence was rejected, or it has ended. Its people have left the campaign.")
            self.skip(ti=context["ti"], tasks=self.get_direct_relatives(upstream=False))
        return approved


def ask_for_approval(campaign: str) -> BaseOperator:
    """Return the task that stands before the sends of a wave."""
    return ReviewOperator(task_id=TASK_ID, campaign=campaign)
