"""Message templates: which files a message needs, and which columns of the recipient it reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MappingView
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import DictLoader, StrictUndefined, TemplateSyntaxError, Undefined, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from outcamp.core.campaign import Campaign
from outcamp.core.channels import TEMPLATE_ENDING
from outcamp.core.errors import DataError
from outcamp.segments.columns import OWN
from outcamp.segments.project_files import read_project_file

_FUNCTIONS: Final = frozenset({"cycler", "dict", "joiner", "namespace", "range"})  # of Jinja's own, those that a message may call
_SELF: Final = "self"  # to Jinja, the template: self.block()


class MessageEnvironment(ImmutableSandboxedEnvironment):
    """Jinja in a sandbox, where a bare name is a column: ``range(3)`` calls Jinja's function, and ``range`` is what the recipient has."""

    def __init__(self, sources: Mapping[str, str], *, html: bool) -> None:
        super().__init__(loader=DictLoader(sources), undefined=StrictUndefined, autoescape=html, finalize=_shown)
        # Under names that no column may have: what is missing for a recipient must not come out as Python's words for a function.
        functions = {OWN + name: function for name, function in self.globals.items() if name in _FUNCTIONS}
        self.globals.clear()
        self.globals.update(functions)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        own = _named_in(tree) - meta.find_undeclared_variables(tree)  # a name that is read before it is given is Jinja's
        for call in tree.find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name in _FUNCTIONS - own:
                call.node.name = OWN + call.node.name
        return tree


def template_environment(sources: Mapping[str, str], *, html: bool) -> MessageEnvironment:
    """Return the environment that messages are rendered in: a sandbox that knows these files only, and refuses what is missing.

    Args:
        sources: The template files by name.
        html: Whether what comes from a recipient is escaped; a text message is no HTML, and escaping would spoil it.
    """
    return MessageEnvironment(sources, html=html)


def columns_of_template(text: str, name: str = "the text") -> frozenset[str]:
    """Return the columns that a template reads, without those of the files that it includes."""
    # Jinja counts its functions as names that the caller must bring.
    return frozenset(meta.find_undeclared_variables(_parse(text, name))) - frozenset(_plain().globals)


def files_of_message(text: str, folder: Path) -> dict[str, str]:
    """Return the template files that one part of a draft's message needs: itself if it is a file, and whatever is included."""
    sources: dict[str, str] = {}
    if is_template_file(text):
        wanted = [text]
    else:
        refuse_unprintable(text)
        wanted = _included(text, "the text")
    while wanted:
        name = wanted.pop()
        if name not in sources:
            sources[name] = read_project_file(folder, name)
            refuse_unprintable(sources[name], name)
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


def columns_read(campaign: Campaign, sources: Mapping[str, str]) -> frozenset[str]:
    """Return the columns that the messages of a campaign read."""
    texts = [text for settings in campaign.channels.values() for text in settings.texts.values()]
    return frozenset[str]().union(*(columns_of_message(text, sources) for text in texts))


def is_template_file(text: str) -> bool:
    """Say whether a part of a message names a template file, rather than being the text itself."""
    return text.endswith(TEMPLATE_ENDING)


def is_literal(text: str) -> bool:
    """Say whether a part of a message is the same for everybody: neither a file nor a template."""
    return not is_template_file(text) and not any(mark in text for mark in ("{{", "{%", "{#"))


@cache
def _plain() -> MessageEnvironment:
    return template_environment({}, html=False)


def _shown(value: object) -> object:
    """Return what stands between the braces; raise TypeError where Python's own words for it would be sent, such as <function ...>."""
    kind = type(value)
    if kind is str or isinstance(value, Undefined):  # nearly everything is text, and what is missing says so by itself
        return value
    if callable(value) or isinstance(value, range | Iterator | MappingView) or kind.__module__.startswith("jinja2."):
        raise TypeError(f"a {kind.__name__} is no text")
    return value


def _named_in(tree: nodes.Template) -> frozenset[str]:
    """Return the names that a template gives to something itself."""
    found = {name.name for name in tree.find_all(nodes.Name) if name.ctx != "load"} | _macros(tree)
    found |= {imported.target for imported in tree.find_all(nodes.Import)}
    names = (name for imported in tree.find_all(nodes.FromImport) for name in imported.names)
    return frozenset(found | {name if isinstance(name, str) else name[1] for name in names})


def _macros(tree: nodes.Template) -> set[str]:
    return {macro.name for macro in tree.find_all(nodes.Macro)}


def refuse_unprintable(text: str, name: str = "the text") -> None:
    """Refuse a template that would print Python's own words instead of a text, which in a message that goes out makes none."""
    tree = _parse(text, name)
    places = {id(parent.node) for parent in tree.find_all(nodes.Getattr)} | {id(parent.node) for parent in tree.find_all(nodes.Getitem)}
    for said in tree.find_all(nodes.Name):
        if said.name == _SELF and id(said) not in places:
            problem = f"{name}, line {said.lineno}: self is Jinja's name for the template itself"
            raise DataError(problem, next_step="Give the column another name, in the segment or with segment.columns.")
    macros = _macros(tree) - {said.name for said in tree.find_all(nodes.Name) if said.ctx != "load"}
    for printed in (part for output in tree.find_all(nodes.Output) for part in output.nodes):
        word = None
        if isinstance(printed, nodes.Name) and printed.name in macros:
            word = printed.name
        elif isinstance(printed, nodes.Call) and isinstance(printed.node, nodes.Name) and printed.node.name.startswith(OWN):
            word = f"{printed.node.name.removeprefix(OWN)}(...)"
        if word is not None:
            problem = f"{name}, line {printed.lineno}: {word} is no text that could be printed"
            raise DataError(problem, next_step="Call a macro with (); loop over a range, or take something out of what a function makes.")


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
