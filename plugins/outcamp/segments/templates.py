"""Message templates: which files a message needs, and which columns of the recipient it reads."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from jinja2 import DictLoader, StrictUndefined, TemplateSyntaxError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from outcamp.core.campaign import Campaign
from outcamp.core.channels import TEMPLATE_ENDING
from outcamp.core.errors import DataError
from outcamp.segments.project_files import read_project_file


def template_environment(sources: Mapping[str, str], *, html: bool) -> ImmutableSandboxedEnvironment:
    """Return the environment that messages are rendered in: a sandbox that knows these files only, and refuses what is missing.

    Args:
        sources: The template files by name.
        html: Whether what comes from a recipient is escaped; a text message is no HTML, and escaping would spoil it.
    """
    return ImmutableSandboxedEnvironment(loader=DictLoader(sources), undefined=StrictUndefined, autoescape=html)


def columns_of_template(text: str, name: str = "the text") -> frozenset[str]:
    """Return the columns that a template reads, without those of the files that it includes."""
    # Jinja counts its own functions, such as range, as names that the caller must bring.
    return frozenset(meta.find_undeclared_variables(_parse(text, name))) - frozenset(_plain().globals)


def files_of_message(text: str, folder: Path) -> dict[str, str]:
    """Return the template files that one part of a message needs: itself if it is a file, and whatever is included."""
    sources: dict[str, str] = {}
    wanted = [text] if is_template_file(text) else _included(text, "the text")
    while wanted:
        name = wanted.pop()
        if name not in sources:
            sources[name] = read_project_file(folder, name)
            wanted += _included(sources[name], name)
    return sources


def columns_of_message(text: str, sources: Mapping[str, str]) -> frozenset[str]:
    """Return the columns that one part of a message reads, those of included files among them."""
    columns = frozenset() if is_template_file(text) else columns_of_template(text)
    wanted, seen = ([text] if is_template_file(text) else _included(text, "the text")), set[str]()
    while wanted:
        name = wanted.pop()
        if name not in seen:
            seen.add(name)
            columns |= columns_of_template(sources[name], name)
            wanted += _included(sources[name], name)
    return columns


def template_sources(campaign: Campaign, folder: Path) -> dict[str, str]:
    """Return the text of every template file that a campaign needs, by its name."""
    sources: dict[str, str] = {}
    for settings in campaign.channels.values():
        for text in settings.texts.values():
            sources |= files_of_message(text, folder)
    return sources


def columns_read(campaign: Campaign, sources: Mapping[str, str]) -> frozenset[str]:
    """Return the columns that the messages of a campaign read."""
    texts = [text for settings in campaign.channels.values() for text in settings.texts.values()]
    return frozenset[str]().union(*(columns_of_message(text, sources) for text in texts))


def is_template_file(text: str) -> bool:
    """Say whether a part of a message names a template file, rather than being the text itself."""
    return text.endswith(TEMPLATE_ENDING)


@cache
def _plain() -> ImmutableSandboxedEnvironment:
    return template_environment({}, html=False)


def _parse(text: str, name: str) -> nodes.Template:
    try:
        tree = _plain().parse(text)
        # Names of filters and tests are only looked up when the template is compiled.
        _plain().compile(tree, name=name)
    except TemplateSyntaxError as error:
        problem = f"{name}, line {error.lineno}: {error.message}"
        raise DataError(problem, next_step="Correct the template; {% raw %} keeps braces as they are.") from None
    return _plain().parse(text)


def _included(text: str, name: str) -> list[str]:
    names: list[str] = []
    for included in meta.find_referenced_templates(_parse(text, name)):
        if included is None:
            problem = f"{name}: the name of an included template is worked out when the message is made"
            raise DataError(problem, next_step="Write the name out, so that it can be frozen with the campaign.")
        names.append(included)
    return names
