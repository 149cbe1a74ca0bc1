"""Campaign files as YAML 1.2: plain data that knows its lines, and files that cannot be read."""

# ruff: noqa: E501 - messages are pinned as they are printed

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcamp.core.document import read_document
from outcamp.core.errors import CampaignFileError


def said(text: str) -> str:
    """What is printed about a file that cannot be read."""
    with pytest.raises(CampaignFileError) as raised:
        read_document(text, "a.yaml")
    return str(raised.value)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("on", "on"),
        (r'"a\Nb\Lc\Pd"', "a\x85b\u2028c\u2029d"),
        (r'"\U0010FFFF"', "\U0010ffff"),
        ("no", "no"),
        ("yes", "yes"),
        ("18:00", "18:00"),
        ("1:30:00", "1:30:00"),
        ("2026-12-01", "2026-12-01"),
        ("2026-12-01 07:03", "2026-12-01 07:03"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("true", True),
        ("FALSE", False),
        ("12", 12),
        ("+12", 12),
        ("012", 12),
        ("0o17", 15),
        ("0xff", 255),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-.inf", -math.inf),
        ("null", None),
        ("~", None),
        ("", None),
        ('"12"', "12"),
        ("'on'", "on"),
    ],
)
def test_a_word_means_what_yaml_1_2_says(written: str, read: object) -> None:
    """Only numbers, true, false and null are more than text."""
    value = read_document(f"a: {written}\n", "a.yaml").data["a"]
    assert (type(read), read) == (type(value), value)


def test_not_a_number_is_a_number() -> None:
    """``.nan`` is a float, which no setting takes."""
    assert math.isnan(read_document("a: .nan", "a.yaml").data["a"])


def test_every_field_knows_its_line() -> None:
    """A field stands on the line of its key, an item on its own; a field that is missing on the line of what should hold it."""
    text = "name: spring\nlimits:\n  - count: 6\n    within: 2 days\n  - {count: 1,\n     within: 1 day}\n"
    document = read_document(text, "a.yaml")
    assert [1, 2, 3, 3, 4, 5, 6] == [
        document.line_of(field)
        for field in ("name", "limits", "limits[0]", "limits[0].count", "limits[0].within", "limits[1].count", "limits[1].within")
    ]
    assert [5, 2, 1] == [document.line_of(field) for field in ("limits[1].other", "limits[7].count", "channel")]


def test_an_alias_stands_for_its_anchor() -> None:
    """What an alias stands for is read again in its place."""
    assert {"a": [1, 2], "b": [1, 2]} == read_document("a: &x [1, 2]\nb: *x\n", "a.yaml").data


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "name: [spring\nchannel: sms\n",
            (
                "a.yaml:2: The file is not readable YAML: while parsing a flow sequence, expected ',' or ']', but got ':' (column 8).\n"
                "  Next: Look for a missing quote, colon or space on or above this line."
            ),
        ),
        (
            "name: spring\n\tchannel: sms\n",
            (
                "a.yaml:2: The file is not readable YAML: while scanning for the next token, found character '\\t' that cannot start any token "
                "(column 1).\n  Next: Look for a missing quote, colon or space on or above this line."
            ),
        ),
        (
            "name: spring\nchannel: sms\nname: summer\n",
            "a.yaml:3: name: The key 'name' is given twice, on line 1 and on line 3.\n  Next: Remove one of them.",
        ),
        (
            "a:\n  - b: 1\n    c: 2\n    b: 3\n",
            "a.yaml:4: a[0].b: The key 'b' is given twice, on line 2 and on line 4.\n  Next: Remove one of them.",
        ),
        ("a: 1\n---\nb: 2\n", "a.yaml:2: The file holds a second document.\n  Next: Keep one campaign in each file; remove the --- line."),
        ("", "a.yaml: The file is empty.\n  Next: Begin with name: and segment:, as in dags/campaigns/spring-renewal.yaml."),
        (
            "- name: spring\n",
            (
                "a.yaml:1: The file does not hold the settings of a campaign.\n"
                "  Next: Begin with name: and segment:, each on a line of its own."
            ),
        ),
        ("a: !!python/name:os.system\n", "a.yaml:1: The tag !!python/name:os.system is not used in campaign files.\n  Next: Remove it."),
        ("a: ! 12\n", "a.yaml:1: The tag ! is not used in campaign files.\n  Next: Remove it."),
        ("a:\n- !!float abc\n", "a.yaml:2: The tag !!float is not used in campaign files.\n  Next: Remove it."),
        ("a: &x [*x]\n", "a.yaml:1: An alias (*name) stands inside of what it stands for.\n  Next: Write the settings out."),
        ("b: {a: 1}\nc:\n  <<: {a: 1}\n", "a.yaml:3: c: Merge keys (<<) are not part of YAML 1.2.\n  Next: Write the settings out."),
        ("a:\n  1: x\n", "a.yaml:2: a: The key '1' is not text.\n  Next: Put it in quotes if it is meant."),
        ("? [a]\n: b\n", "a.yaml:1: A key is a list or a mapping.\n  Next: Use a name; a text that begins with { or [ needs quotes."),
        (f"a: {'9' * 50}\n", f"a.yaml:1: a: The number '{'9' * 30}' is too long.\n  Next: Put it in quotes if it is a text."),
        ('a:\n- "\\0"\n', "a.yaml:2: a[0]: The text holds a character that cannot be stored.\n  Next: Remove the \\0 or \\ud... escape."),
        ('a: "\\ud83d"\n', "a.yaml:1: a: The text holds a character that cannot be stored.\n  Next: Remove the \\0 or \\ud... escape."),
        ("a: 1\nb: \x07\n", "a.yaml:2: The character '\\x07' is not allowed in YAML.\n  Next: Remove it."),
        ("a: 1\r\nb: 2\rc: \x07\n", "a.yaml:3: The character '\\x07' is not allowed in YAML.\n  Next: Remove it."),
        *(
            (
                f"a: 1\n# note{character}holdout: 50%\n",
                f"a.yaml:2: The character {name} ends a line for some readers and not for others.\n  Next: Remove it; inside double quotes write \\N, \\L or \\P for U+0085, U+2028 or U+2029.",
            )
            for character, name in (("\x85", "U+0085"), ("\u2028", "U+2028"), ("\u2029", "U+2029"))
        ),
        *(
            (
                f'a: 1\nb: "x\n  {escape}"\n',
                "a.yaml:3: A \\U escape names no character: the last one is \\U0010FFFF.\n  Next: Correct or remove the escape.",
            )
            for escape in ("\\U00110000", "\\UFFFFFFFF")
        ),
        (
            "a: " + "[" * 1000,
            (
                "a.yaml:1: Lists and mappings are nested more than 30 levels deep.\n"
                "  Next: No setting of a campaign needs that; look for a stray bracket."
            ),
        ),
        (
            "a: " + "x" * 200_000,
            "a.yaml: The file has 200,003 characters; 200,000 is the most.\n  Next: Move long texts into include/templates/.",
        ),
    ],
)
def test_an_unreadable_file_is_refused_with_its_place(text: str, message: str) -> None:
    """Each way to write an unreadable file has its own message, with the line."""
    assert message == said(text)


def test_aliases_cannot_be_made_to_explode() -> None:
    """A short file of aliases to aliases is refused before it fills the memory."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert "The file holds more than 20,000 values, its aliases (*name) written out.\n  Next: Use no aliases." in said("\n".join(lines))


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing that a file holds escapes as another error."""
    try:
        document = read_document(text, "a.yaml")
    except CampaignFileError:
        return
    assert isinstance(document.data, dict)


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcdef", min_size=1, max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=5), plain, max_size=4))
def test_json_is_yaml(data: dict[str, object]) -> None:
    """A file that is written as JSON reads as the same data."""
    assert data == read_document(json.dumps(data), "a.yaml").data
