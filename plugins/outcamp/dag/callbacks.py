"""The Airflow connection that says what those are known by who tell outcomes over HTTP."""

from __future__ import annotations

from typing import Final

from outcamp.core.callback_secrets import CallbackSecrets
from outcamp.core.errors import SourceUnavailable
from outcamp.dag.connections import target_of

CONNECTION: Final = "outcamp_callbacks"


def read_callback_secrets() -> CallbackSecrets:
    """Return the shared secret, Twilio's token and the topics of Amazon SNS, as far as the connection names them; without it, nothing."""
    try:
        found = target_of(CONNECTION)
    except SourceUnavailable:
        return CallbackSecrets()
    topics = found.options.get("sns_topics") or []
    return CallbackSecrets(
        shared=found.password,
        twilio_token=str(found.options.get("twilio_auth_token") or ""),
        sns_topics=frozenset([topics] if isinstance(topics, str) else topics),
    )
