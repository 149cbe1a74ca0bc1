"""What those are known by who tell outcomes over HTTP."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, repr=False)  # repr=False: a traceback must not show them
class CallbackSecrets:
    """What senders of outcomes are known by; nobody is known by what is empty.

    Attributes:
        shared: The key of the signature of relays, made as a webhook's is.
        twilio_token: The auth token of the account at Twilio.
        sns_topics: The ARNs of the topics at Amazon that may tell outcomes. Anybody may have a topic, and Amazon signs for it.
    """

    shared: str = ""
    twilio_token: str = ""
    sns_topics: frozenset[str] = frozenset()
