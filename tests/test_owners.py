"""An owner's name leads where the deployment says, and a bad setting takes no DAG away."""

from __future__ import annotations

import pytest

from outcamp.dag.owners import owner_links

LINKS = '{"growth": "https://chat.example.com/growth", "care": "nowhere", "ann@example.com": "mailto:care@example.com"}'


@pytest.mark.parametrize(
    ("owner", "links", "expected"),
    [
        ("growth", LINKS, {"growth": "https://chat.example.com/growth"}),
        ("ann@example.com", LINKS, {"ann@example.com": "mailto:care@example.com"}),
        ("bob@example.com", LINKS, {"bob@example.com": "mailto:bob@example.com"}),
        ("billing", LINKS, {}),
        (None, LINKS, {}),
        ("growth", "", {}),
    ],
)
def test_an_owner_has_the_link_of_the_setting_or_their_own_address(owner: str | None, links: str, expected: dict[str, str]) -> None:
    """Nobody else has one."""
    assert expected == owner_links(owner, {"OUTCAMP_OWNER_LINKS": links})


@pytest.mark.parametrize(
    ("links", "message"),
    [
        (LINKS, "OUTCAMP_OWNER_LINKS: 'nowhere' is no link for the owner 'care'. Write https://... or mailto:..."),
        ("care", 'OUTCAMP_OWNER_LINKS is \'care\', which is no mapping of owners to links. Write it as JSON: {"growth": "https://..."}.'),
        ("[1]", 'OUTCAMP_OWNER_LINKS is \'[1]\', which is no mapping of owners to links. Write it as JSON: {"growth": "https://..."}.'),
    ],
)
def test_what_is_no_link_is_logged_and_left_out(links: str, message: str, caplog: pytest.LogCaptureFixture) -> None:
    """An error here would be one of every campaign's DAG."""
    assert {} == owner_links("care", {"OUTCAMP_OWNER_LINKS": links})
    assert [message] == caplog.messages
