"""What is said of a wrong setting: its place, its value, the word that was probably meant, and what to do."""

from __future__ import annotations

import pytest

from outcamp.core.errors import Finding, closest


@pytest.mark.parametrize(
    ("word", "known", "near"),
    [
        ("SMS", ["email", "sms"], "sms"),
        ("US_TCPA", ["us_tcpa", "eu"], "us_tcpa"),
        ("now", ["Now", "never"], "Now"),
        ("emial", ["email", "sms"], "email"),
        ("fax", ["email", "sms"], None),
    ],
)
def test_the_case_of_letters_is_no_difference(word: str, known: list[str], near: str | None) -> None:
    """Whoever shouts means the same word; it is shown as it must be written."""
    assert near == closest(word, known)


@pytest.mark.parametrize(
    ("field", "problem", "value", "said"),
    [
        ("review", "true or false is expected.", '"no"', 'a.yaml:5: review: true or false is expected. It says "no".'),
        ("owner", "Text is expected.", "12", "a.yaml:5: owner: Text is expected. It says 12."),
        ("segment.connection", "It is away.", "warehouse", 'a.yaml:5: segment.connection: It is away. It says "warehouse".'),
        ("count", "0 is not at least 1.", "0", "a.yaml:5: count: 0 is not at least 1."),
        ("count", "10 is not at most 1.", "0", "a.yaml:5: count: 10 is not at most 1. It says 0."),
        ("channel", "'SMS' is no channel.", '"SMS"', "a.yaml:5: channel: 'SMS' is no channel."),
        ("a.hold", "'hold' is not a setting here.", '"5%"', "a.yaml:5: a.hold: 'hold' is not a setting here."),
        ("endpoints", "Text is expected.", '["mobile"]', "a.yaml:5: endpoints: Text is expected."),
        ("owner", "The text is empty.", '""', "a.yaml:5: owner: The text is empty."),
        ("owner", "No.", f'"{"x" * 70}...', f'a.yaml:5: owner: No. It says "{"x" * 59}...".'),
    ],
)
def test_a_value_that_the_problem_does_not_show_is_shown(field: str, problem: str, value: str, said: str) -> None:
    """In one short line; lists and mappings, and the values of settings that there are not, are left to the JSON."""
    assert said == str(Finding("a.yaml", field, problem, line=5, value=value))
