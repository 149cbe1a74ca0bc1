"""Where an owner's name leads in Airflow's UI."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from urllib.parse import urlsplit

VARIABLE = "OUTCAMP_OWNER_LINKS"
logger = logging.getLogger(__name__)


def owner_links(owner: str | None, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the link of an owner, as Airflow wants it: of the setting, or a mailto of an owner that is an e-mail address.

    What cannot be a link is left out and logged: it must not take a campaign's DAG away.
    """
    if not owner:
        return {}
    link = _links(environment).get(owner) or (f"mailto:{owner}" if "@" in owner else None)
    if link is None:
        return {}
    parts = urlsplit(link)
    if not (parts.path if parts.scheme == "mailto" else parts.scheme in {"http", "https"} and parts.netloc):
        logger.warning("%s: %r is no link for the owner %r. Write https://... or mailto:...", VARIABLE, link, owner)
        return {}
    return {owner: link}


def _links(environment: Mapping[str, str]) -> dict[str, str]:
    text = environment.get(VARIABLE)
    if not text:
        return {}
    try:
        return {str(owner): str(link) for owner, link in json.loads(text).items()}
    except (ValueError, AttributeError):
        logger.warning('%s is %r, which is no mapping of owners to links. Write it as JSON: {"growth": "https://..."}.', VARIABLE, text)
        return {}
