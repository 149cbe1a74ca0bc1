"""Telling people that a campaign has failed, by the notifiers that it names. They are imported only then."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from outcamp.core.campaign import Campaign
from outcamp.core.errors import UsageError
from outcamp.core.manifest import Manifest
from outcamp.core.notify import Notifier
from outcamp.steps.notifiers import notifier_class
from outcamp.steps.stop import tell_error, untold_errors
from outcamp.store.ledger import Ledger

logger = logging.getLogger(__name__)

MESSAGE = "{{ outcamp.message }}"
# The notifiers behind connections of these types. Any other connection names its own in its extra: {"notifier": ..., "with": {...}}.
_BY_KIND = {
    "slackwebhook": (
        "airflow.providers.slack.notifications.slack_webhook.SlackWebhookNotifier",
        "slack_webhook_conn_id",
        {"text": MESSAGE},
    ),
    "smtp": (
        "airflow.providers.smtp.notifications.smtp.SmtpNotifier",
        "smtp_conn_id",
        {"subject": "{{ outcamp.subject }}", "html_content": MESSAGE},
    ),
}


def notify_errors(ledger: Ledger, manifest_of: Callable[[str], Manifest | None], now: datetime, context: Mapping[str, Any]) -> None:
    """Tell of each Error that no wave has told of: a breaker trips where no task fails. A crash in between tells of it again."""
    for name, reason in untold_errors(ledger):
        manifest = manifest_of(name)
        if manifest is not None:
            notify_failure(manifest.campaign, None, reason, context)
            tell_error(ledger, name, now)


def notify_failure(campaign: Campaign, run: str | None, reason: str, context: Mapping[str, Any]) -> None:
    """Tell everybody whom the campaign names that it is in Error; whoever cannot be told is named in the log, and hinders nobody.

    ``run``: the wave that failed, in the run of the context; None: no wave did.
    """
    log_of_run = f"Run {context['run_id']} of the DAG outcamp.{campaign.name} has the log; once" if run else "Once"
    said = {
        "campaign": campaign.name,
        "wave": run or "",
        "run_id": context["run_id"],
        "reason": reason,
        "subject": f"outcamp: {campaign.name} is in Error",
        "message": f"{campaign.name} is in Error: {reason}. Nothing is sent until somebody has looked. {log_of_run} the cause is gone: "
        f"outcamp resume {campaign.name}",
    }
    for one in campaign.notify:
        shown = one.notifier if isinstance(one, Notifier) else one
        try:
            path, parameters = (one.notifier, dict(one.parameters)) if isinstance(one, Notifier) else _behind(one)
            notifier_class(path)(**parameters)({**context, "outcamp": said})
        # A notifier is foreign code: whatever it does wrong must not hide the failure, nor keep the others from being told.
        except Exception:
            logger.exception("%s could not be told of the error of %s.", shown, campaign.name)


def _behind(conn_id: str) -> tuple[str, dict[str, Any]]:
    """Return the class and the parameters of the notifier that an Airflow connection stands for."""
    from outcamp.dag.connections import target_of

    target = target_of(conn_id)
    if "notifier" in target.options:
        return target.options["notifier"], dict(target.options.get("with", {}))
    if target.kind not in _BY_KIND:
        problem = f"notify: the connection {conn_id!r} is of the type {target.kind!r}, and does not say by which notifier."
        raise UsageError(problem, next_step='Add {"notifier": "path.of.TheClass", "with": {...}} to its extra.')
    path, by, parameters = _BY_KIND[target.kind]
    to = {"to": target.options.get("to") or target.options.get("from_email")} if target.kind == "smtp" else {}
    return path, {by: conn_id, **parameters, **to}
