"""Publishing: a draft becomes its manifest, once and for ever."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from outcamp.core.campaign import Campaign, is_name
from outcamp.core.document import Document
from outcamp.core.errors import CampaignFileError, Finding, ManifestError, UsageError, closest
from outcamp.core.manifest import Manifest, seal_manifest
from outcamp.core.schedule import expires_at
from outcamp.steps.project import Project
from outcamp.steps.published import names, read_published
from outcamp.steps.validate import ENDINGS, ColumnsOf, check_file, columns_unknown
from outcamp.store.campaigns import KnownName
from outcamp.store.whole_files import write_new

Known = Callable[[str], KnownName | None]


def _nothing_known(_: str) -> None:
    return None


def publish(name: str, home: Path, now: datetime, columns_of: ColumnsOf = columns_unknown, known: Known = _nothing_known) -> Path:
    """Write the manifest of a draft and return its path; a draft with findings, or a name that is taken, is refused.

    Args:
        name: The name of the campaign.
        home: The root of the project.
        now: The instant of publishing.
        columns_of: Knows the columns of a segment that lies elsewhere.
        known: Says what the ledger knows of a name; whoever has no ledger at hand may publish all the same.
    """
    project = Project(home)
    target = project.published / f"{name}.json"
    draft = _find_draft(name, project)
    if target.exists():
        raise _taken(name, project.shown(target))
    manifest = _freeze(draft, home, now, columns_of)
    refuse_used(manifest, home, known(name))
    write_manifest(manifest, target, project.shown(target))
    return target


def refuse_used(manifest: Manifest, home: Path, known: KnownName | None) -> None:
    """Refuse a manifest under a name that another campaign ran under: its waves would be, and nothing would ever be sent."""
    name = manifest.campaign.name
    if known is None or known.seal == manifest.seal:
        return
    shown = Project(home).shown(Project(home).published / f"{name}.json")
    if known.deleted_at is None:
        ended = f"stopped {known.stopped_at:%Y-%m-%d}" if known.stopped_at else "it has run"
        next_step = f"Restore {shown} from version control, or publish the draft under a new name."
    else:
        ended, next_step = f"deleted {known.deleted_at:%Y-%m-%d}", "Publish it under a new name."
    raise ManifestError(f"{shown}: the ledger knows {name!r} already ({ended}), and a name is never used again.", next_step=next_step)


def frozen(name: str, home: Path, now: datetime, columns_of: ColumnsOf = columns_unknown) -> Manifest:
    """Return the manifest of a campaign; that of a draft is what publishing would write now, and is written nowhere."""
    if name in names(home):
        return read_published(home, name)
    return _freeze(_find_draft(name, Project(home), names(home)), home, now, columns_of)


def _freeze(draft: Path, home: Path, now: datetime, columns_of: ColumnsOf) -> Manifest:
    checked = check_file(draft, home, columns_of)
    if checked.findings or checked.campaign is None or checked.document is None:
        raise CampaignFileError(checked.findings)
    _refuse_expired(checked.campaign, checked.document, now)
    return seal_manifest(checked.campaign, now, checked.sql, checked.templates)


def write_manifest(manifest: Manifest, target: Path, shown: str) -> None:
    """Write a manifest whole or not at all, and never over another one."""
    try:
        write_new(target, manifest.to_json())
    except FileExistsError:
        raise _taken(manifest.campaign.name, shown) from None


def _find_draft(name: str, project: Project, published: Sequence[str] = ()) -> Path:
    drafts = {path.stem: path for path in sorted(project.drafts.glob("*")) if path.suffix in ENDINGS}
    if is_name(name) and name in drafts:
        return drafts[name]
    near = closest(name, [*drafts, *published])
    next_step = f"Did you mean {near!r}?" if near else f"Write it as {project.shown(project.drafts)}/NAME.yaml."
    raise UsageError(f"There is no draft of a campaign {name!r}.", next_step=next_step)


def _refuse_expired(campaign: Campaign, document: Document, now: datetime) -> None:
    expiry = expires_at(campaign.schedule)
    if expiry is not None and expiry <= now:
        problem = (
            f"The campaign expired at {expiry:%Y-%m-%d %H:%M} UTC, before it is published at {now.astimezone(UTC):%Y-%m-%d %H:%M} UTC."
        )
        raise CampaignFileError(document.located([Finding("", "schedule.expires", problem, next_step="Set a later expires.")]))


def _taken(name: str, shown: str) -> ManifestError:
    problem = f"{shown}: the campaign {name!r} is published already, and its settings never change."
    return ManifestError(problem, next_step="Publish the changed campaign under a new name, and stop this one.")
