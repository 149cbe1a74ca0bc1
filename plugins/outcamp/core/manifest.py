"""The published form of a campaign: frozen settings, SQL and templates, under a seal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, Field, PlainSerializer, ValidationError

from outcamp.core.campaign import Campaign
from outcamp.core.errors import ManifestError
from outcamp.core.frozen import Frozen
from outcamp.core.schedule import final_occurrence

FORMAT: Final = 1
_RESTORE: Final = "Restore the file from version control; to change a campaign, publish it under a new name."

Instant = Annotated[AwareDatetime, PlainSerializer(lambda at: at.astimezone(UTC).isoformat().replace("+00:00", "Z"), return_type=str)]


class Manifest(Frozen):
    """A published campaign, which never changes again."""

    format: Literal[1] = FORMAT
    campaign: Campaign
    published_at: Instant
    sql: Mapping[str, str] = Field(default_factory=dict)
    templates: Mapping[str, str] = Field(default_factory=dict)
    seal: str

    @property
    def final_occurrence_at(self) -> datetime | None:
        """The last occurrence of the schedule; None where there is no last one: it repeats for ever, or people are pushed in."""
        return None if self.campaign.is_external else final_occurrence(self.campaign.schedule, self.published_at)

    def to_json(self) -> str:
        """Return the text of the manifest's file: sorted and indented, so that a pull request shows it well."""
        return json.dumps(self.model_dump(mode="json"), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def seal_manifest(campaign: Campaign, published_at: datetime, sql: Mapping[str, str], templates: Mapping[str, str]) -> Manifest:
    """Return the sealed manifest of a campaign that is published at this instant.

    Args:
        campaign: The validated settings.
        published_at: An aware instant; it is what ``start: now`` means.
        sql: The text of each SQL file that the segment names.
        templates: The text of each template file that the messages use.
    """
    unsealed = Manifest(campaign=campaign, published_at=published_at.astimezone(UTC), sql=dict(sql), templates=dict(templates), seal="")
    return unsealed.model_copy(update={"seal": _seal_of(unsealed.model_dump(mode="json"))})


def read_manifest(text: str, file: str) -> Manifest:
    """Return the manifest that a file holds, or raise ManifestError when it is damaged or was edited.

    Args:
        text: What the file holds.
        file: How errors name the file.
    """
    try:
        data = json.loads(text, object_pairs_hook=_without_doubles)
    except RecursionError:
        raise ManifestError(f"{file}: the manifest cannot be read: it is nested too deeply.", next_step=_RESTORE) from None
    except ValueError as error:
        raise ManifestError(f"{file}: the manifest cannot be read: {error}.", next_step=_RESTORE) from None
    if not isinstance(data, dict) or not isinstance(data.get("seal"), str):
        raise ManifestError(f"{file}: this is not a manifest; it has no seal.", next_step=_RESTORE)
    if data.get("format") != FORMAT:
        problem = f"{file}: the manifest has format {data.get('format')!r}, and this outcamp reads {FORMAT}."
        raise ManifestError(problem, next_step="Use the version of outcamp that published it, or a newer one.")
    # The seal is over what the file says, not over what this version of outcamp makes of it.
    if data["seal"] != _seal_of(data):
        raise ManifestError(f"{file}: the manifest was edited after it was published.", next_step=_RESTORE)
    try:
        return Manifest.model_validate_json(text, strict=True, by_alias=True, by_name=False)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(key) for key in first["loc"])
        problem = f"{file}: this version of outcamp does not understand {field}: {first['msg']}."
        raise ManifestError(problem, next_step="Use the version of outcamp that published it, or a newer one.") from None


def _seal_of(data: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in data.items() if key != "seal"}
    canonical = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # A reader of the file might see the first of two, where json would take the last.
    data = dict(pairs)
    if len(data) != len(pairs):
        double = next(key for position, (key, _) in enumerate(pairs) if key in dict(pairs[:position]))
        raise ValueError(f"the key {double!r} is given twice")
    return data
