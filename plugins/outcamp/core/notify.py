"""Who is told when a campaign fails: an Airflow connection, or a notifier of Airflow with its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Discriminator, Field, JsonValue, StringConstraints, Tag

from outcamp.core.frozen import Frozen
from outcamp.core.segment import Name

ClassPath = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")]


class Notifier(Frozen):
    """A notifier by its class; its parameters may use {{ outcamp.message }} and the other words of docs/airflow.md."""

    notifier: ClassPath = Field(description="The class: airflow.providers.smtp.notifications.smtp.SmtpNotifier.")
    parameters: Mapping[str, JsonValue] = Field(default_factory=dict, alias="with", description="Its parameters, by their names.")


def _kind_of(value: object) -> str | None:
    if isinstance(value, str):
        return "connection"
    return "notifier" if isinstance(value, dict | Notifier) else None


Notified = Annotated[
    Annotated[Name, Tag("connection")] | Annotated[Notifier, Tag("notifier")],
    Discriminator(_kind_of, custom_error_type="notify", custom_error_message="One to notify is a connection or a notifier"),
]
