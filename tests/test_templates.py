"""Message templates: the files that they need and the columns that they read."""

# ruff: noqa: E501 - messages are pinned as they are printed

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import UndefinedError
from jinja2.exceptions import SecurityError

from drafts import HEAD, campaign
from outcamp.core.errors import DataError
from outcamp.segments.templates import columns_of_template, columns_read, files_of_message, refuse_unprintable, template_environment


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
        (
            "{{ range }}{{ dict }}{{ lipsum }}{{ cycler | upper }}{{ joiner ~ namespace }}",
            {"range", "dict", "lipsum", "cycler", "joiner", "namespace"},
        ),
        ("{% set ns = namespace(sum=0) %}{% set ns.sum = ns.sum + price %}{{ ns.sum }}", {"price"}),
        ("{% macro range(label) %}{{ label }}{% endmacro %}{{ range(price) }}", {"price"}),
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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hi\n{{ self }}", "hi.j2, line 2: self is Jinja's name for the template itself\n  Next: Give the column another name, in the segment or with segment.columns."),
        ("{{ range(3) }}", "hi.j2, line 1: range(...) is no text that could be printed\n  Next: Call a macro with (); loop over a range, or take something out of what a function makes."),
        ("{% macro button() %}x{% endmacro %}\n{{ button }}", "hi.j2, line 2: button is no text that could be printed\n  Next: Call a macro with (); loop over a range, or take something out of what a function makes."),
    ],
)  # fmt: skip
def test_a_template_that_prints_no_text_is_refused(text: str, said: str) -> None:
    """Nobody is sent what Python calls a function."""
    with pytest.raises(DataError) as raised:
        refuse_unprintable(text, "hi.j2")
    assert said == str(raised.value)


def test_a_bare_name_is_a_column_and_a_call_is_the_function() -> None:
    """A column may bear the name of a function of Jinja's, and both can be used in one message."""
    environment = template_environment({"tail.j2": "{{ range }}"}, html=False)
    text = "{% for n in range(2) %}{{ n }} {% endfor %}{{ range }}, {{ dict }}, {% include 'tail.j2' %}"
    assert "0 1 40 km, red, 40 km" == environment.from_string(text).render(range="40 km", dict="red")
    shadowed = "{% macro range(label) %}<{{ label }}>{% endmacro %}{{ range(3) }}"
    assert "<3>" == environment.from_string(shadowed).render()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{% set range = range(3) %}{{ range|join }}", "012"),
        ("{% set dict = dict(a=1) %}{{ dict.a }}", "1"),
        ("{% macro m(range) %}<{{ range }}>{% endmacro %}{% for i in range(2) %}{{ m(i) }}{% endfor %}", "<0><1>"),
        ("{% for dict in [1, 2] %}{{ dict }}{% endfor %}{{ dict(a=1).a }}", "121"),
        ("{% macro name(x) %}{{ x }}{% endmacro %}{% for name in [1, 2] %}{{ name }}{% endfor %}", "12"),
    ],
)
def test_a_name_that_is_given_again_means_what_jinja_says(text: str, message: str) -> None:
    """A template may call a function and use its name for something else."""
    refuse_unprintable(text)
    assert message == template_environment({}, html=False).from_string(text).render()


@pytest.mark.parametrize("name", ["cycler", "dict", "joiner", "lipsum", "namespace", "range"])
def test_a_column_that_is_missing_is_missing_whatever_its_name(name: str) -> None:
    """A recipient who has no value there gets no message, rather than one with a function in it."""
    with pytest.raises(UndefinedError, match=name):
        template_environment({}, html=False).from_string(f"{{{{ {name} }}}}").render()


@pytest.mark.parametrize(
    "text",
    ["{{ self }}", "{{ name.upper }}", "{% for n in [1] %}{{ loop }}{% endfor %}", "{{ range(3) }}", "{{ [name] | map('upper') }}", "{{ {1: 2}.items() }}"],
)  # fmt: skip
@pytest.mark.parametrize("html", [True, False])
def test_what_is_no_text_is_not_sent(text: str, html: bool) -> None:
    """A template that was published before it was refused makes no message where it would show Python's own words."""
    with pytest.raises(TypeError, match="is no text"):
        template_environment({}, html=html).from_string(text).render(name="Ann")


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
    assert {"foot.j2"} == set(files_of_message("{{ zip }}{% include 'foot.j2' %}", tmp_path))
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
