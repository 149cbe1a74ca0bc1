"""Check campaign files with everything that they name: SQL, templates, recipient lists and their columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from outcamp.core.campaign import Campaign
from outcamp.core.campaign_file import campaign_of
from outcamp.core.channels import OUTBOX, SIMULATOR
from outcamp.core.dispositions import PHONE_CHANNELS, Channel
from outcamp.core.document import Document, read_document
from outcamp.core.errors import (
    CampaignFileError,
    DataError,
    Finding,
    NotSupportedYet,
    OutcampError,
    Permanent,
    SourceUnavailable,
    StorageRefused,
    UsageError,
    closest,
)
from outcamp.core.places import address_of
from outcamp.core.refused_settings import refused_settings
from outcamp.core.segment import ExternalSegment, FileSegment, SqlSegment
from outcamp.segments import columns, files
from outcamp.segments.project_files import UnusableFile, is_file, read_project_file
from outcamp.segments.templates import columns_of_message, files_of_message, is_literal
from outcamp.steps.content import problem_of
from outcamp.steps.notifiers import unusable_notifiers
from outcamp.steps.project import Project
from outcamp.transports.mail import sender_address

# Returns the columns of a SQL segment's query, given its text, or of a file in an object store; None where they cannot be known here.
ColumnsOf = Callable[[SqlSegment | FileSegment, str], Collection[str] | None]

ENDINGS = (".yaml", ".yml")


@dataclass
class Checked:
    """A campaign file that was looked at: what it says, what it names, and what is wrong."""

    file: str
    document: Document | None = None
    campaign: Campaign | None = None
    sql: dict[str, str] = field(default_factory=dict)
    templates: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def columns_unknown(_segment: SqlSegment | FileSegment, _sql: str) -> None:
    """Say that the columns of a segment that lies elsewhere cannot be known here."""


def campaign_files(paths: Sequence[Path], home: Path) -> list[Path]:
    """Return the campaign files among paths, those in folders included; without a path, all drafts of the project."""
    found: list[Path] = []
    for path in paths or [Project(home).drafts]:
        if is_file(path):
            found.append(path)
        elif _is_folder(path):
            found += sorted(file for file in path.rglob("*") if file.suffix in ENDINGS and file.is_file())
        elif paths:
            raise UsageError(f"There is no file or folder {str(path)!r}.", next_step="Name a campaign file, or a folder of them.")
    return list(dict.fromkeys(found))


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # its name is too long for a disk
        return False


def check_files(paths: Iterable[Path], home: Path, columns_of: ColumnsOf = columns_unknown) -> list[Finding]:
    """Return everything that is wrong with campaign files and with what they name.

    Args:
        paths: The campaign files.
        home: The root of the project, in which SQL, templates and recipient lists lie.
        columns_of: Knows the columns of a segment that lies elsewhere.
    """
    checked = [check_file(path, home, columns_of) for path in paths]
    return [finding for one in checked for finding in one.findings] + list(_same_names(checked))


def check_file(path: Path, home: Path, columns_of: ColumnsOf = columns_unknown) -> Checked:
    """Look at one campaign file and at what it names."""
    checked = Checked(Project(home).shown(path))
    try:
        checked.document = document = read_document(_text_of(path, checked.file), checked.file)
        checked.campaign = campaign = campaign_of(document)
    except CampaignFileError as error:
        checked.findings += error.findings
        return checked
    found = list(_name_of_file(campaign, path))
    found += refused_settings(campaign)
    found += _read_sql(campaign, home, checked.sql)
    found += read_templates(campaign, home, checked.templates)
    found += _segment_columns(campaign, home, checked, columns_of)
    found += _never_made(campaign)
    found += _senders(campaign)
    found += closed_channels(campaign)
    found += unusable_notifiers(campaign)
    checked.findings += document.located(found)
    return checked


def _text_of(path: Path, file: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        problem = f"The file is not UTF-8 text (byte {error.start})."
        raise CampaignFileError([Finding(file, "", problem, next_step="Save it as UTF-8.")]) from None
    except OSError as error:
        raise CampaignFileError(
            [Finding(file, "", f"The file cannot be read: {error.strerror}.", next_step="Check its permissions.")]
        ) from None


def _name_of_file(campaign: Campaign, path: Path) -> Iterator[Finding]:
    if campaign.name != path.stem:
        problem = f"The name is {campaign.name!r}, and the file is called {path.name!r}."
        yield Finding(
            "", "name", problem, value=campaign.name, next_step=f"Call the file {campaign.name}.yaml, or the campaign {path.stem}."
        )


def _same_names(checked: Iterable[Checked]) -> Iterator[Finding]:
    first: dict[str, str] = {}
    for one in checked:
        if one.campaign is None or one.document is None:
            continue
        name = one.campaign.name
        if name in first:
            problem = f"The name {name!r} is taken by {first[name]}."
            yield from one.document.located([Finding("", "name", problem, value=name, next_step="Give each campaign a name of its own.")])
        first.setdefault(name, one.file)


def _read_sql(campaign: Campaign, home: Path, sources: dict[str, str]) -> Iterator[Finding]:
    """Read the SQL files that a segment names into ``sources``."""
    segment = campaign.segment
    if isinstance(segment, ExternalSegment):
        return
    named = {f"segment.exclude[{position}]": name for position, name in enumerate(segment.exclude)}
    if isinstance(segment, SqlSegment):
        named["segment.sql"] = segment.sql
    for place, name in named.items():
        try:
            sources[name] = read_project_file(Project(home).segments, name)
        except DataError as error:
            yield _from_error(error, place, name)


def read_templates(campaign: Campaign, home: Path, sources: dict[str, str]) -> Iterator[Finding]:
    """Read the template files that messages name into ``sources``."""
    for place, text in _message_parts(campaign):
        try:
            sources.update(files_of_message(text, Project(home).templates))
        except DataError as error:
            yield _from_error(error, place, text)


def _never_made(campaign: Campaign) -> Iterator[Finding]:
    """Yield a finding for each part of a message that is the same for everybody, and can be sent to nobody."""
    for place, text in _message_parts(campaign):
        problem = problem_of(place.rpartition(".")[2], text) if is_literal(text) else None
        if problem is not None:
            yield Finding("", place, f"The message cannot be made: {problem}.", value=text, next_step="Correct the text.")


def _senders(campaign: Campaign) -> Iterator[Finding]:
    settings = campaign.channels.get(Channel.EMAIL)
    if settings is None or settings.sender is None or settings.transport in {SIMULATOR, OUTBOX}:
        return
    try:
        sender_address(settings.sender)
    except Permanent as error:
        yield _from_error(error, f"channels.{Channel.EMAIL}.sender", settings.sender)


def _message_parts(campaign: Campaign) -> Iterator[tuple[str, str]]:
    for channel, settings in campaign.channels.items():
        for name, text in settings.texts.items():
            yield f"channels.{channel}.{name}", text


def _segment_columns(campaign: Campaign, home: Path, checked: Checked, columns_of: ColumnsOf) -> Iterator[Finding]:
    """Compare what the campaign reads of its recipients with what the segment has."""
    segment = campaign.segment
    if isinstance(segment, ExternalSegment):
        return
    place, source = ("segment.file", segment.file) if isinstance(segment, FileSegment) else ("segment.sql", segment.sql)
    try:
        columns.refuse_two_meanings(segment.columns, source)
    except DataError as error:  # whatever columns there are
        yield _from_error(error, "segment.columns", source)
        return
    try:
        if isinstance(segment, FileSegment):
            given = _columns_of_list(segment, home, columns_of)
        else:
            given = _columns_of_query(segment, checked.sql, columns_of)
        if given is None:
            return
        place = "segment.columns"
        known = columns.rename(given, segment.columns, source)
        columns.refuse_misspelt(list(given), segment.columns, source)
        place = "segment.file"
        _read_list(campaign, home, known)
    except (SourceUnavailable, NotSupportedYet) as error:
        place = "segment.connection" if isinstance(segment, SqlSegment) else place
        yield _from_error(error, place, segment.connection if isinstance(segment, SqlSegment) else source)
    except (DataError, StorageRefused, UsageError) as error:
        yield _from_error(error, place, source)
    else:
        yield from _missing_columns(campaign, checked.templates, known)


def _columns_of_query(segment: SqlSegment, sources: Mapping[str, str], columns_of: ColumnsOf) -> Collection[str] | None:
    # A file that is missing is a finding already.
    return columns_of(segment, sources[segment.sql]) if segment.sql in sources else None


def _columns_of_list(segment: FileSegment, home: Path, columns_of: ColumnsOf) -> Collection[str] | None:
    name = segment.file
    if address_of(name, "The file") is not None:
        return columns_of(segment, "")
    path = home / name
    if not is_file(path):
        beside = [file.name for file in path.parent.glob("*") if file.is_file()] if _is_folder(path.parent) else []
        near = closest(path.name, beside)
        next_step = "Write its path from the root of the project."
        raise UnusableFile(f"There is no file {name!r}.", next_step=next_step, closest=near and str(Path(name).with_name(near)))
    return files.column_names(path)


def _read_list(campaign: Campaign, home: Path, names: list[str]) -> None:
    """Read a recipient list of the project as an occurrence will: one that was cut short shows it at its end."""
    segment = campaign.segment
    if isinstance(segment, FileSegment) and address_of(segment.file, "The file") is None:
        text = columns.TEXT_COLUMNS | set(campaign.endpoint_columns)
        for batch in files.stream(home / segment.file):
            columns.prepare(batch, names, text, segment.file)


def closed_channels(campaign: Campaign) -> Iterator[Finding]:
    """Yield a finding for each channel that may never be used: windows are given, and none is for it."""
    time = campaign.communication_time
    if time is None or not time.active:
        return
    for channel in campaign.channels_used:
        if not any(not window.channels or channel in window.channels for window in time.active):
            yield Finding(
                "",
                "communication_time.active",
                f"No window is for {channel}, so it would never be used.",
                value=str(channel),
                next_step=f"Add a window with channels: [{channel}], or a window without channels.",
            )


def missing_in_messages(campaign: Campaign, sources: Mapping[str, str], known: Collection[str]) -> Iterator[Finding]:
    """Yield a finding for each column that a message reads and the segment does not have."""
    for place, text in _message_parts(campaign):
        try:
            read = columns_of_message(text, sources)
        except (DataError, KeyError):
            continue  # the template itself is a finding already
        for column in sorted(read.difference(known)):
            yield _missing_column(place, column, f"The message reads {column}, and the segment has no such column.", known)


def _missing_columns(campaign: Campaign, sources: Mapping[str, str], known: Collection[str]) -> Iterator[Finding]:
    """Yield a finding for each column that a message or a channel reads and the segment does not have."""
    yield from missing_in_messages(campaign, sources, known)
    yield from missing_endpoints(campaign, known, campaign.channels_used)


def missing_endpoints(campaign: Campaign, known: Collection[str], channels: Iterable[Channel]) -> Iterator[Finding]:
    """Yield a finding for each column in which these channels look for numbers or addresses, and which the segment does not have."""
    if campaign.endpoints:
        for position, column in enumerate(campaign.endpoint_columns):
            if column not in known:
                yield _missing_column(f"endpoints[{position}]", column, f"The segment has no column {column}.", known)
    for channel in channels:
        column = "phone" if channel in PHONE_CHANNELS else "email"
        if column not in known and not _named_by_endpoints(campaign, column):
            yield _missing_column("segment", column, f"The campaign uses {channel}, and the segment has no column {column}.", known)


def _named_by_endpoints(campaign: Campaign, column: str) -> bool:
    """Endpoints are phone columns, unless every channel is e-mail."""
    phones = any(channel in PHONE_CHANNELS for channel in campaign.channels_used)
    return bool(campaign.endpoints) and (column == "phone" or not phones)


def _missing_column(place: str, column: str, problem: str, known: Collection[str]) -> Finding:
    next_step = f"Select it in the segment, or map it with segment.columns. The columns are: {', '.join(known)}."
    return Finding("", place, problem, value=column, closest=closest(column, known), next_step=next_step)


def _from_error(error: OutcampError, place: str, value: str | None) -> Finding:
    near = error.closest if isinstance(error, UnusableFile) else None
    return Finding("", place, error.message, value=value, closest=near, next_step=error.next_step)
