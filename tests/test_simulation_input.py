"""What a simulation is given is checked whole before anything runs, and refused with what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from drafts import HEAD, campaign
from outcamp.core.errors import CampaignFileError, DataError
from outcamp.steps.simulate import simulate
from outcamp.steps.simulation_input import history_of, script_of, segment_of, suppressions_of

AT = datetime(2026, 12, 1, 15, tzinfo=UTC)
OUTCOME = {"recipient_id": "ada", "attempt": 1, "channel": "sms", "disposition": "blocked", "after": 90}
CONTACT = {"recipient_id": "ada", "campaign": "summer", "contacted_at": AT, "active": True}


def table(row: dict[str, Any], **changed: Any) -> pa.Table:
    """One row with these values changed; None takes the column away."""
    return pa.table({name: [value] for name, value in (row | changed).items() if value is not None})


def said(take: Callable[[pa.Table], object], given: pa.Table) -> str:
    """What is said about a table that is refused."""
    with pytest.raises(DataError) as raised:
        take(given)
    return str(raised.value)


# Outcomes.


def test_outcomes_are_taken_as_text_or_as_numbers() -> None:
    """A CSV has text in every column; a missing ``after`` is at once."""
    expected = [{"recipient_id": "1", "attempt": 2, "channel": "sms", "disposition": "blocked", "after": 90.0}]
    assert expected == script_of(table(OUTCOME, recipient_id=1, attempt=2)).to_pylist()
    assert expected == script_of(table(OUTCOME, recipient_id="1", attempt="2", after="90")).to_pylist()
    assert [0.0] == script_of(table(OUTCOME, after=None))["after"].to_pylist()
    assert [0.0] == script_of(pa.table({**table(OUTCOME).to_pydict(), "after": [None]}))["after"].to_pylist()


def test_no_outcomes_are_an_empty_script() -> None:
    """Whatever is not listed ends well."""
    assert 0 == script_of(None).num_rows


SECONDS = "\n  Next: give the seconds from the submission to the outcome"
KNOWN_SMS = "delivered, blocked, invalid_number, unreachable, expired, opted_out, failed, no_outcome, unknown"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"channel": "smss"},
            "--outcomes: 'smss' is no channel\n  Next: did you mean 'sms'? known are agent_voice, automated_voice, email, sms",
        ),
        ({"channel": "fax"}, "--outcomes: 'fax' is no channel\n  Next: known are agent_voice, automated_voice, email, sms"),
        (
            {"disposition": "deliverd"},
            f"--outcomes: 'deliverd' is no disposition of sms\n  Next: did you mean 'delivered'? known are {KNOWN_SMS}",
        ),
        ({"disposition": "busy"}, f"--outcomes: 'busy' is no disposition of sms\n  Next: known are {KNOWN_SMS}"),
        ({"after": -1}, f"--outcomes: after is negative{SECONDS}"),
        ({"after": "-inf"}, f"--outcomes: after is negative{SECONDS}"),
        ({"after": "nan"}, f"--outcomes: after is nan, which is not within ten years{SECONDS}"),
        ({"after": "inf"}, f"--outcomes: after is inf, which is not within ten years{SECONDS}"),
        ({"after": "1e15"}, f"--outcomes: after is 1e+15, which is not within ten years{SECONDS}"),
        (
            {"recipient_id": 1.0},
            "--outcomes: the column recipient_id holds double, and is read as text\n"
            "  Next: cast it to text in the source, so that nothing is rounded or re-formatted",
        ),
        (
            {"attempt": "one"},
            "--outcomes: attempt cannot be read as int16: Failed to parse string: 'one' as a scalar of type int16\n"
            "  Next: correct the column",
        ),
        (
            {"attempt": 70_000},
            "--outcomes: attempt cannot be read as int16: Integer value 70000 not in range: -32768 to 32767\n  Next: correct the column",
        ),
        (
            {"after": "soon"},
            "--outcomes: after cannot be read as double: Failed to parse string: 'soon' as a scalar of type double\n"
            "  Next: correct the column",
        ),
        (
            {"disposition": None},
            "--outcomes: there is no column disposition\n  Next: the columns are recipient_id, attempt, channel, after; "
            "needed are recipient_id, attempt, channel, disposition, after",
        ),
    ],
)
def test_outcomes_that_are_refused(changed: dict[str, Any], message: str) -> None:
    """The column, the value, and the closest one that is known."""
    assert message == said(script_of, table(OUTCOME, **changed))


def test_an_outcome_without_its_recipient_is_refused() -> None:
    """The number of such rows is said."""
    given = pa.Table.from_pylist([OUTCOME, OUTCOME | {"recipient_id": None}, OUTCOME | {"recipient_id": None}])
    assert "--outcomes: recipient_id is missing in 2 rows\n  Next: fill it in, or leave the rows out" == said(script_of, given)


def test_an_outcome_may_take_ten_years() -> None:
    """The longest delay that is taken, and none."""
    after = [0.0, 315_360_000.0]
    given = pa.Table.from_pylist([OUTCOME | {"attempt": number, "after": seconds} for number, seconds in enumerate(after, 1)])
    assert after == script_of(given)["after"].to_pylist()


@pytest.mark.parametrize("take", [script_of, history_of, suppressions_of])
def test_a_column_that_stands_twice_is_refused(take: Callable[[pa.Table], object]) -> None:
    """Nobody could say which of the two is meant."""
    given = pa.table([pa.array(["a"]), pa.array(["b"])], names=["recipient_id", "recipient_id"])
    assert said(take, given).endswith(": the column 'recipient_id' stands twice\n  Next: give each column a name of its own")


def test_an_attempt_has_one_outcome() -> None:
    """The same attempt by the same channel may not be listed twice; by another channel it is another one."""
    given = pa.Table.from_pylist([OUTCOME, OUTCOME | {"disposition": "delivered"}])
    assert (
        "--outcomes: attempt 1 of 'ada' by sms is listed 2 times\n  Next: keep one row for each recipient, attempt and channel"
    ) == said(script_of, given)
    assert 2 == script_of(pa.Table.from_pylist([OUTCOME, OUTCOME | {"channel": "email", "disposition": "bounced"}])).num_rows


# History.


@pytest.mark.parametrize("contacted_at", [AT, "2026-12-01T15:00:00Z", "2026-12-01T10:00:00-05:00", "2026-12-01 15:00:00.000+00:00"])
def test_history_is_taken_with_its_instants(contacted_at: object) -> None:
    """Instants have an offset, in a file of either kind."""
    assert [CONTACT] == history_of(table(CONTACT, contacted_at=contacted_at)).to_pylist()


@pytest.mark.parametrize(
    ("active", "expected"),
    [
        (True, True),
        (False, False),
        ("true", True),
        ("TRUE", True),
        ("1", True),
        ("yes", True),
        ("T", True),
        ("false", False),
        ("0", False),
        ("No", False),
        ("f", False),
        (1, True),
        (0.0, False),
        (None, True),
    ],
)
def test_history_says_whether_its_campaign_is_active(active: object, expected: bool) -> None:
    """Without the column every campaign is."""
    assert [expected] == history_of(table(CONTACT, active=active))["active"].to_pylist()


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view(), pa.bool_(), pa.int64(), pa.float64(), pa.null()])
def test_history_without_a_word_about_its_campaign_is_active(kind: pa.DataType) -> None:
    """An empty field of a CSV is missing, and missing means active."""
    given = table(CONTACT).drop_columns(["active"]).append_column("active", pa.nulls(1, kind))
    assert [True] == history_of(given)["active"].to_pylist()


@pytest.mark.parametrize("word", ["maybe", "Y", "ja", "", 2, 0.5])
def test_history_with_an_unknown_word_is_refused(word: object) -> None:
    """A word that is neither yes nor no must not become no."""
    expected = f"--history: active is '{word}', which is neither yes nor no\n  Next: write true or false"
    assert expected == said(history_of, table(CONTACT, active=word))


@pytest.mark.parametrize("name", ["recipient_id", "campaign"])
def test_a_nul_in_the_history_is_refused(name: str) -> None:
    """Postgres cannot keep it."""
    expected = f"--history: {name} contains a NUL character\n  Next: clean it in the source"
    assert expected == said(history_of, table(CONTACT, **{name: "a\0"}))


def test_no_history_is_empty() -> None:
    """Nobody was contacted before."""
    assert 0 == history_of(None).num_rows


NEEDED = "the columns are recipient_id, campaign, active; needed are recipient_id, campaign, contacted_at, active"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"contacted_at": datetime(2026, 12, 1, 15)},  # noqa: DTZ001 - an instant without an offset is what is refused
            "--history: contacted_at has no offset from UTC\n  Next: write instants with an offset: 2026-12-01T09:00:00+00:00",
        ),
        ({"contacted_at": None}, f"--history: there is no column contacted_at\n  Next: {NEEDED}"),
    ],
)
def test_history_that_is_refused(changed: dict[str, Any], message: str) -> None:
    """An instant without an offset could be any."""
    assert message == said(history_of, table(CONTACT, **changed))


@pytest.mark.parametrize("contacted_at", ["2026-12-01T15:00:00", "2026-12-01 15:00", "2026-12-01"])
def test_history_written_without_an_offset_is_refused(contacted_at: str) -> None:
    """A text says as much as a timestamp of Parquet does."""
    message = "--history: contacted_at has no offset from UTC\n  Next: write instants with an offset: 2026-12-01T09:00:00+00:00"
    assert message == said(history_of, table(CONTACT, contacted_at=contacted_at))


@pytest.mark.parametrize("contacted_at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-10:00"])
def test_history_outside_of_the_calendar_is_refused(contacted_at: str) -> None:
    """No clock of ours can be set to it."""
    given = pa.Table.from_pylist([CONTACT | {"contacted_at": at} for at in (contacted_at, "2026-12-01T15:00:00Z")])
    message = "--history: contacted_at is not in the years 1 to 9999 UTC in 1 of 2 rows\n  Next: correct the column, or leave the rows out"
    assert message == said(history_of, given)


def test_recipients_without_any_column_that_endpoints_names_are_refused() -> None:
    """All of them would be dropped; validate says the same of the segment."""
    people = pa.table({"recipient_id": ["a"], "mobile": ["+12025550143"]})
    with pytest.raises(CampaignFileError) as raised:
        simulate(HEAD + "endpoints: [mobil]\n", "spring.yaml", people, None, None, None, AT, None, timedelta(minutes=1))
    assert (
        "spring.yaml:5: endpoints[0]: The segment has no column mobil. Did you mean 'mobile'?\n"
        "  Next: Select it in the segment, or map it with segment.columns. The columns are: recipient_id, mobile."
    ) == str(raised.value)


@pytest.mark.parametrize("people", [{"recipient_id": ["a"]}, {"recipient_id": ["a"], "phone": pa.array([None], pa.string())}])
def test_recipients_without_numbers_are_dropped(people: dict[str, Any], postgres_uri: str) -> None:
    """Rules can be tried without any, and the verdicts tell."""
    found = simulate(HEAD, "s.yaml", pa.table(people), None, None, None, AT, None, timedelta(minutes=1), postgres=postgres_uri)
    assert ["invalid_endpoint"] == found.verdicts["reason"].to_pylist()


def test_numbers_that_count_nothing_are_refused() -> None:
    """Occurrences count from 0, attempts from 1; such a row would never be used."""
    given = pa.Table.from_pylist([OUTCOME | {"attempt": number} for number in (0, 1, 2)])
    message = "--outcomes: attempt is below 1 in 1 of 3 rows\n  Next: count from 1 on, or leave the rows out"
    assert message == said(script_of, given)
    people = pa.table({"recipient_id": ["a", "b"], "phone": ["+12025550143"] * 2, "occurrence": [-1, 0]})
    message = "--recipients: occurrence is below 0 in 1 of 2 rows\n  Next: count from 0 on, or leave the rows out"
    assert message == said(lambda rows: segment_of(rows, campaign()), people)


@pytest.mark.parametrize("contacted_at", ["soon"])
def test_history_whose_instants_cannot_be_read(contacted_at: str) -> None:
    """A text that is no instant is shown."""
    message = said(history_of, table(CONTACT, contacted_at=contacted_at))
    assert message.startswith(f"--history: contacted_at cannot be read as timestamp[us, tz=UTC]: Failed to parse string: '{contacted_at}'")
    assert message.endswith("\n  Next: correct the column")


# Suppressions.


def test_suppressions_name_a_recipient_or_an_endpoint() -> None:
    """Either column may be missing; without a channel all channels are meant."""
    assert [{"recipient_id": "7", "endpoint": None, "channel": ""}] == suppressions_of(pa.table({"recipient_id": [7]})).to_pylist()
    listed = pa.table({"endpoint": ["+12025550143"], "channel": ["sms"]})
    assert [{"recipient_id": None, "endpoint": "+12025550143", "channel": "sms"}] == suppressions_of(listed).to_pylist()
    assert 0 == suppressions_of(None).num_rows


def test_suppressions_of_nobody_are_refused() -> None:
    """A list that names neither recipients nor endpoints suppresses nobody."""
    assert ("--suppressions: neither a column recipient_id nor endpoint\n  Next: name whom not to contact by one of them") == said(
        suppressions_of, pa.table({"phone": ["+12025550143"]})
    )


@pytest.mark.parametrize(
    ("channel", "message"),
    [
        ("smss", "--suppressions: 'smss' is no channel\n  Next: did you mean 'sms'? known are agent_voice, automated_voice, email, sms"),
        ("fax", "--suppressions: 'fax' is no channel\n  Next: known are agent_voice, automated_voice, email, sms"),
    ],
)
def test_a_suppression_of_an_unknown_channel_is_refused(channel: str, message: str) -> None:
    """A misspelt channel would suppress nobody."""
    assert message == said(suppressions_of, pa.table({"recipient_id": ["a"], "channel": [channel]}))


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_suppression_of_nobody_is_refused(nothing: str | None) -> None:
    """A row has a recipient or an endpoint; the number of those that have neither is said."""
    given = pa.Table.from_pylist([{"recipient_id": "a", "endpoint": nothing}, {"recipient_id": nothing, "endpoint": nothing}])
    assert (
        "--suppressions: 1 of 2 rows have neither a recipient_id nor an endpoint\n"
        "  Next: name whom not to contact by one of them, or leave the rows out"
    ) == said(suppressions_of, given)


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("+1 (202) 555-0143", "+12025550143"),
        ("tel:+12025550143", "+12025550143"),
        ("Ada@Example.com", "Ada@example.com"),
        ("ada@bücher.example.com", "ada@bücher.example.com"),
        ("+12025550143@example.com", "+12025550143@example.com"),
        ("", None),
    ],
)
def test_a_suppressed_endpoint_is_written_as_the_filter_writes_it(given: str, written: str | None) -> None:
    """Numbers in E.164, addresses with their domain in lower case; those beside it keep their rows."""
    rows = [{"recipient_id": "a", "endpoint": each} for each in (None, given, "+442083661177")]
    assert [None, written, "+442083661177"] == suppressions_of(pa.Table.from_pylist(rows))["endpoint"].to_pylist()


@pytest.mark.parametrize("endpoint", ["2025550143", "+1 202", "ada@example", "ada", " ada@example.com"])
def test_a_suppressed_endpoint_that_is_none_is_refused(endpoint: str) -> None:
    """It would suppress nobody; a number without its calling code is anybody's."""
    expected = (
        f"--suppressions: the endpoint '{endpoint}' is neither a phone number nor an e-mail address\n"
        "  Next: write numbers with + and their calling code: +12025550143"
    )
    assert expected == said(suppressions_of, pa.table({"endpoint": ["+12025550143", None, endpoint], "recipient_id": ["a", "b", "c"]}))


@pytest.mark.parametrize("name", ["recipient_id", "endpoint"])
def test_a_nul_in_the_suppressions_is_refused(name: str) -> None:
    """Postgres cannot keep it."""
    expected = f"--suppressions: {name} contains a NUL character\n  Next: clean it in the source"
    assert expected == said(suppressions_of, pa.table({name: ["a\0"]}))


def test_numbers_with_a_point_are_no_suppressed_ids() -> None:
    """1.0 is not the recipient 1, and would suppress nobody."""
    assert said(suppressions_of, pa.table({"recipient_id": [1.0, None]})).startswith("--suppressions: the column recipient_id holds double")


def reasons(postgres_uri: str, recipient: dict[str, str], suppression: dict[str, str], head: str = HEAD) -> list[str | None]:
    """The reasons of the verdicts on one recipient."""
    rows, listed = pa.Table.from_pylist([recipient]), pa.Table.from_pylist([suppression])
    found = simulate(head, "spring.yaml", rows, None, None, listed, AT, AT, timedelta(minutes=1), postgres=postgres_uri)
    return found.verdicts["reason"].to_pylist()


@pytest.mark.parametrize("endpoint", ["+12025550143", "+1 202-555-0143", "+1 (202) 555 0143"])
def test_a_suppressed_number_is_known_however_it_is_written(postgres_uri: str, endpoint: str) -> None:
    """Endpoints are compared in their normalised form."""
    assert ["suppressed"] == reasons(
        postgres_uri, {"recipient_id": "ada", "phone": "(202) 555-0143", "country": "US"}, {"endpoint": endpoint}
    )


@pytest.mark.parametrize("endpoint", ["Ada@Example.com", "Ada@example.com"])
def test_a_suppressed_address_is_known_however_it_is_written(postgres_uri: str, endpoint: str) -> None:
    """A domain has no case."""
    head = "name: spring\nsegment: external\nchannel: email\nchannels: {email: {subject: x, body: Hello}}\n"
    assert ["suppressed"] == reasons(postgres_uri, {"recipient_id": "ada", "email": "Ada@EXAMPLE.com"}, {"endpoint": endpoint}, head)


# Recipients.


def read(given: pa.Table, more: str = "", head: str = HEAD, occurrence: int = 0) -> list[dict[str, Any]]:
    """The rows that an occurrence takes."""
    return [row for part in segment_of(given, campaign(more, head)).read(occurrence) for row in part.to_pylist()]


def test_recipients_are_the_segment_at_each_occurrence() -> None:
    """Without the column ``occurrence`` the rows are the same each time; nobody is excluded."""
    given = pa.table({"recipient_id": [1], "score": [2.5]})
    assert [{"recipient_id": "1", "score": 2.5}] == read(given) == read(given, occurrence=9)
    assert 0 == len(segment_of(given, campaign()).excluded())


@pytest.mark.parametrize("numbers", [["0", "1", "1"], [0, 1, 1]])
def test_recipients_of_each_occurrence(numbers: list[object]) -> None:
    """With the column each occurrence takes its own rows, and the column itself goes no further."""
    given = pa.table({"recipient_id": ["a", "b", "c"], "occurrence": numbers})
    found = [[row["recipient_id"] for row in read(given, occurrence=number)] for number in range(3)]
    assert [["a"], ["b", "c"], []] == found
    assert [{"recipient_id": "a"}] == read(given)


def test_recipients_are_read_under_the_segments_names() -> None:
    """The campaign's ``columns`` hold where the file has those names; a file that has the meanings already is as good."""
    head = HEAD.replace("{file: people.csv}", "{file: people.csv, columns: {recipient_id: no, phone: mobile}}")
    assert [{"recipient_id": "1", "phone": "2"}] == read(pa.table({"no": [1], "mobile": [2]}), head=head)
    assert [{"recipient_id": "1", "phone": "2"}] == read(pa.table({"recipient_id": [1], "phone": [2]}), head=head)


def test_recipients_of_an_external_campaign() -> None:
    """Who would be pushed in from outside is given here."""
    assert [{"recipient_id": "1"}] == read(pa.table({"recipient_id": [1]}), head=HEAD.replace("{file: people.csv}", "external"))


def test_pushed_recipients_may_expire() -> None:
    """In an external campaign ``expires_at`` is an instant; in another one it is a column as any."""
    given = pa.table({"recipient_id": ["ada"], "expires_at": ["2026-12-01T10:00:00+01:00"]})
    external = HEAD.replace("{file: people.csv}", "external")
    assert [{"recipient_id": "ada", "expires_at": datetime(2026, 12, 1, 9, tzinfo=UTC)}] == read(given, head=external)
    assert given.to_pylist() == read(given)


def test_columns_that_endpoints_name_are_text() -> None:
    """A phone column of any name may hold numbers in the file."""
    assert [{"recipient_id": "1", "home": "2"}] == read(pa.table({"recipient_id": [1], "home": [2]}), "endpoints: [home]\n")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"id": ["a"]},
            "--recipients: the segment has no column recipient_id\n  Next: select the id AS recipient_id, or map it with segment.columns: "
            "{recipient_id: ...}; the columns are id",
        ),
        ({"recipient_id": ["a", ""]}, "--recipients: 1 of 2 rows have no recipient_id\n  Next: leave those rows out, or give them an id"),
        (
            {"recipient_id": ["a"], "occurrence": ["first"]},
            "--recipients: occurrence cannot be read as int64: Failed to parse string: 'first' as a scalar of type int64\n"
            "  Next: correct the column",
        ),
        (
            {"recipient_id": ["a", "b"], "occurrence": ["0", None]},
            "--recipients: occurrence is missing in 1 rows\n  Next: fill it in, or leave the rows out",
        ),
    ],
)
def test_recipients_that_are_refused(given: dict[str, list[str | None]], message: str) -> None:
    """The door is that of every segment, and the option is named."""
    assert message == said(lambda rows: segment_of(rows, campaign()), pa.table(given))
