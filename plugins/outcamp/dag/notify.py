"""Telling people that a campaign has failed, by the notifiers that it names. They are imported only then."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from outcamp.core.campaign import Campaign
from outcamp.core.errors import UsageError
from outcamp.core.notify import Notifier
from outcamp.steps.notifiers import notifier_class

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


def notify_failure(campaign: Campaign, run: str, reason: str, context: Mapping[str, Any]) -> None:
    """Tell everybody whom the campaign names that it is in Error; whoever cannot be told is named in the log, and hinders nobody."""
    said = {
        "campaign": campaign.name,
        "wave": run,
        "run_id": context["run_id"],
        "reason": reason,
        "subject": f"outcamp: {campaign.name} is in Error",
        "message": f"{campaign.name} is in Error: {reason}. Nothing is sent until somebody has looked. Run {context['run_id']} of the DAG "
        f"outcamp.{campaign.name} has the log; once the cause is gone: outcamp resume {campaign.name}",
    }
    for one in campaign.notify:
        shown = one.notifier if isinstance(one, Notifier) else one
        try:
            path, parameters = (one.notifier, dict(one.parameters)) if isinstance(one, Notifier) else _behind(one)
            notifier_class(path)(**parameters)({**context, "outcamp": said})
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
