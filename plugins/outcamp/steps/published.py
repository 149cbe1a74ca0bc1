"""The published campaigns of a project: their names, their manifests and their DAGs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from outcamp.core.errors import ManifestError, UsageError, closest
from outcamp.core.manifest import Manifest, read_manifest
from outcamp.steps.project import Project

PREFIX = "outcamp."


def dag_id_of(name: str) -> str:
    """Return the id of a campaign's DAG."""
    return PREFIX + name


def campaign_of_dag(dag_id: str) -> str | None:
    """Return the name of the campaign whose DAG this may be, or None."""
    return dag_id.removeprefix(PREFIX) if dag_id.startswith(PREFIX) else None


def names(home: Path) -> list[str]:
    """Return the names of the published campaigns, in order, whether their manifests are good or not."""
    return sorted(path.stem for path in Project(home).published.glob("*.json") if not path.name.startswith("."))


def read_published(home: Path, name: str) -> Manifest:
    """Return the manifest of a published campaign, or raise ManifestError."""
    project = Project(home)
    path = project.published / f"{name}.json"
    shown = project.shown(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{shown}: the manifest cannot be read: {error}.", next_step="Restore the file from version control.") from None
    manifest = read_manifest(text, shown)
    if manifest.campaign.name != name:
        problem = f"{shown}: the manifest is that of the campaign {manifest.campaign.name!r}."
        raise ManifestError(problem, next_step=f"Name the file {manifest.campaign.name}.json again.")
    return manifest


def bad_manifests(home: Path) -> list[ManifestError]:
    """Return what is wrong with the manifests that are left out."""
    found = []
    for name in names(home):
        try:
            read_published(home, name)
        except ManifestError as error:
            found.append(error)
    return found


def require_published(home: Path, name: str) -> Manifest:
    """Return the manifest of a campaign that somebody named, or say that it is a draft, or which name is near."""
    published, drafts = names(home), Project(home).draft_names
    if name in published:
        return read_published(home, name)
    if name in drafts:
        raise UsageError(f"The campaign {name!r} is a draft: it has considered nobody yet.", next_step=f"outcamp publish {name} starts it.")
    raise no_such_campaign(name, [*published, *drafts])


def no_such_campaign(name: str, known: Iterable[str]) -> UsageError:
    """Return the refusal of a name that no campaign bears, with the nearest of those that are known."""
    near = closest(name, known)
    return UsageError(
        f"There is no campaign {name!r}.", next_step=f"Did you mean {near!r}?" if near else "outcamp status lists the campaigns."
    )


def manifests_of(home: Path) -> Callable[[str], Manifest | None]:
    """Return the question for a published campaign's manifest, read once; None where there is none, or one that was edited."""
    published = frozenset(names(home))

    @cache
    def manifest(name: str) -> Manifest | None:
        try:
            return read_published(home, name) if name in published else None
        except ManifestError:
            return None

    return manifest
