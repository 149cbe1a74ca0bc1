"""Message templates: the files that they need and the columns that they read."""

# ruff: noqa: E501 - messages are pinned as they are printed

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import UndefinedError
from jinja2.exceptions import SecurityError

from drafts import HEAD, campaign
from outcamp.core.errors import DataError
from outcamp.segments.templates import columns_of_template, columns_read, files_of_message, template_environment, template_sources


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("Hello", set()),
        ("Hi {{ first_name }}", {"first_name"}),
        ("{{ first_name | default('you') | upper }}{{ city[0] }}{{ plan.name }}", {"first_name", "city", "plan"}),
        ("{% if vip %}{{ gift }}{% endif %}", {"vip", "gift"}),
        ("{% for item in items %}{{ loop.index }} {{ item }} {{ tax }}{% endfor %}", {"items", "tax"}),
        ("{% set total = price * 2 %}{{ total }}", {"price"}),
        ("{% macro button(label) %}{{ label }} {{ colour }}{% endmacro %}{{ button(text) }}", {"colour", "text"}),
        ("{% for n in range(3) %}{{ n }}{% endfor %}", set()),
        ("{% raw %}{{ first_name }}{% endraw %}{# {{ city }} #}", set()),
        ("{% block top %}{{ a }}{% endblock %}{{ self.top() }}", {"a"}),
    ],
)
def test_a_template_reads_these_columns(text: str, columns: set[str]) -> None:
    """A column is a name that the template does not bring itself."""
    assert columns == columns_of_template(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hi {{ first_name }", "hi.j2, line 1: unexpected '}'"),
        ("Hi\n\n{% if vip %}", ("hi.j2, line 3: Unexpected end of template. Jinja was looking for the following tags: 'elif' or 'else' or 'endif'. "
         "The innermost block that needs to be closed is 'if'.")),
        ("Hi\n{{ name | uper }}", "hi.j2, line 2: No filter named 'uper'."),
        ("{{ 1 is evn }}", "hi.j2, line 1: No test named 'evn'."),
    ],
)  # fmt: skip
def test_a_template_that_cannot_be_rendered_is_refused_with_its_line(text: str, said: str) -> None:
    """Mistakes in a template are found before anybody gets its message."""
    with pytest.raises(DataError) as raised:
        columns_of_template(text, "hi.j2")
    assert f"{said}\n  Next: Correct the template; {{% raw %}} keeps braces as they are." == str(raised.value)


def test_included_files_are_followed(tmp_path: Path) -> None:
    """The files of a message are itself and all that it includes, imports or extends, each once; their columns count."""
    for name, text in {
        "mail.j2": "{% extends 'base/frame.j2' %}{% block body %}{{ first_name }}{% include 'foot.j2' %}{% endblock %}",
        "base/frame.j2": "{% from 'base/macros.j2' import button %}{% block body %}{% endblock %}{{ button(code) }}",
        "base/macros.j2": "{% macro button(label) %}{{ label }}{{ brand }}{% endmacro %}",
        "foot.j2": "{{ city }}{% include 'foot.j2' ignore missing %}",
        "other.j2": "{{ never }}",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    sources = files_of_message("mail.j2", tmp_path)
    assert {"mail.j2", "base/frame.j2", "base/macros.j2", "foot.j2"} == set(sources)
    with_both = campaign(
        head=HEAD.replace("{body: Hello}", "{body: \"{{ zip }}{% include 'foot.j2' %}\"}, email: {subject: Hi, html: mail.j2}")
    )
    assert sources == template_sources(with_both, tmp_path)
    assert {"first_name", "code", "brand", "city", "zip"} == columns_read(with_both, sources)


def test_a_template_whose_name_is_worked_out_is_refused(tmp_path: Path) -> None:
    """Only what is known at publishing can be frozen."""
    with pytest.raises(DataError) as raised:
        files_of_message("{% include language ~ '.j2' %}", tmp_path)
    expected = (
        "the text: the name of an included template is worked out when the message is made\n"
        "  Next: Write the name out, so that it can be frozen with the campaign."
    )
    assert expected == str(raised.value)


def test_templates_are_rendered_in_a_sandbox() -> None:
    """A template sees its recipient and its own files; it can neither reach into Python nor read over a missing column."""
    environment = template_environment({"foot.j2": "bye {{ name }}"}, html=False)
    assert "<Ann> bye <Ann>" == environment.from_string("{{ name }} {% include 'foot.j2' %}").render(name="<Ann>")
    with pytest.raises(SecurityError):
        environment.from_string("{{ name.__class__.__mro__ }}").render(name="x")
    with pytest.raises(UndefinedError):
        environment.from_string("{{ nme }}").render(name="x")


def test_what_comes_from_a_recipient_is_escaped_in_html_alone() -> None:
    """In HTML a name cannot become markup; in a text message an ampersand stays one."""
    texts = [template_environment({}, html=html).from_string("{{ name }}").render(name="<b>A & B</b>") for html in (True, False)]
    assert ["&lt;b&gt;A &amp; B&lt;/b&gt;", "<b>A & B</b>"] == texts
