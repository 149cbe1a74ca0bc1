"""Each recipient's own texts: whole, or not made."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drafts import campaign
from outcamp.core.dispositions import Channel
from outcamp.core.manifest import seal_manifest
from outcamp.steps.content import Message

NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
EMAIL = """\
name: spring
segment: {file: people.csv}
channel: email
channels:
  email:
    subject: "{{ first_name }}, hello"
    body: hello.j2
    html: "<p>Hello {{ first_name }}</p>"
    unsubscribe: "https://acme.example/u/{{ first_name }}"
"""
HELLO = {"hello.j2": "Hello {{ first_name }}{% if city is defined %} in {{ city }}{% endif %}!"}


def texts_of(*people: dict[str, Any], head: str = EMAIL, channel: Channel = Channel.EMAIL) -> list[dict[str, str] | None]:
    """The parts of each person's message; None: it could not be made."""
    columns = sorted({name for one in people for name in one})
    rows = pa.table({"recipient_id": [str(number) for number in range(len(people))]})
    for name in columns:
        rows = rows.append_column(f"column.{name}", pa.array([one.get(name) for one in people]))
    manifest = seal_manifest(campaign(head=head), NOW, {}, HELLO)
    made_rows, made = Message(manifest, channel).made_for(rows)
    parts = [name for name in made_rows.column_names if name.startswith("content.")]
    found = made_rows.select(parts).rename_columns([part.removeprefix("content.") for part in parts]).to_pylist()
    return [text if whole else None for text, whole in zip(found or [{}] * len(people), made.tolist(), strict=True)]


def of_sms(text: str, **columns: Any) -> str | None:
    """The text message that a template makes for somebody with these columns; None: it could not be made."""
    head = f"name: spring\nsegment: {{file: people.csv}}\nchannel: sms\nchannels: {{sms: {{body: {text!r}}}}}\n"
    (made,) = texts_of(columns, head=head, channel=Channel.SMS)
    return made and made["body"]


def test_each_recipient_gets_their_own_text() -> None:
    """Every part is made, a column that is missing may be asked for, and only HTML is escaped."""
    assert [
        {
            "subject": "A&B, hello",
            "body": "Hello A&B!",
            "html": "<p>Hello A&amp;B</p>",
            "unsubscribe": "https://acme.example/u/A&B",
        }
    ] == texts_of({"first_name": "A&B", "city": None})
    assert "Hello Ben in Ulm!" == texts_of({"first_name": "Ben", "city": "Ulm"})[0]["body"]


def test_a_missing_value_is_that_recipients_alone() -> None:
    """Nobody gets half a message, and everybody keeps their place."""
    made = texts_of({"first_name": None}, {"first_name": "Ben"}, {"first_name": None})
    assert [None, "Hello Ben!", None] == [text and text["body"] for text in made]


@pytest.mark.parametrize(
    "template",
    [
        "{{ name }}",
        "{{ name.first }}",
        "{{ age + name }}",
        "{{ 1 / zero }}",
        "{{ ().__class__.__bases__ }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% if false %}x{% endif %}",
        " {{ '' }} ",
        "{{ age.real.nothing }}",
    ],
)
def test_a_text_that_cannot_be_made_is_none(template: str) -> None:
    """Whatever a template does with somebody's values: an error, and a message that says nothing, are none."""
    assert of_sms(template, age=7, zero=0) is None


@pytest.mark.parametrize("name", ["a b", "<", ">", "x\r\nBcc: y", "ü"])
def test_an_address_that_is_none_makes_no_message(name: str) -> None:
    """What stands behind the unsubscribe button goes into a header."""
    assert [None] == texts_of({"first_name": name})


def test_a_channel_without_texts_has_nothing_to_make() -> None:
    """A call is a call, whatever the columns hold."""
    head = "name: spring\nsegment: {file: people.csv}\nchannel: automated_voice\nchannels: {automated_voice: {flow: reminder}}\n"
    assert [{}, {}] == texts_of({}, {}, head=head, channel=Channel.AUTOMATED_VOICE)


@given(name=st.text(min_size=1))
def test_what_a_column_holds_is_never_a_template(name: str) -> None:
    """Braces and tags in a recipient's columns are letters."""
    assert f"Hello {name}" == of_sms("Hello {{ name }}", name=name)
