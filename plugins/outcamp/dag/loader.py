"""The DAGs of a project's published campaigns, for the files in ``dags/``."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from outcamp.core.errors import ManifestError
from outcamp.steps import published
from outcamp.steps.project import project_home

if TYPE_CHECKING:
    from airflow.sdk import DAG

logger = logging.getLogger(__name__)


def campaign_dags(asked: str | None) -> Iterator[DAG]:
    """Yield the DAG that Airflow asks for, or without a question all of them; a campaign that cannot be built is left out.

    An import error would belong to the whole file and stop every campaign in it, so a bad manifest never raises here.
    """
    from outcamp.dag.factory import build_dag

    home = project_home()
    for name in _asked_names(asked, home):
        try:
            yield build_dag(published.read_published(home, name))
        except ManifestError:
            continue  # dags/campaign_errors.py names it
        except Exception:
            logger.exception("The campaign %s is left out: its DAG cannot be built.", name)


def refuse_bad_manifests() -> None:
    """Raise one error that names every manifest that is left out, if there is any."""
    found = published.bad_manifests(project_home())
    if found:
        raise ManifestError("\n".join(error.message for error in found), next_step=found[0].next_step)


def _asked_names(asked: str | None, home: Path) -> list[str]:
    names = published.names(home)
    if asked is None:
        return names
    name = published.campaign_of_dag(asked)
    return [name] if name in names else []
