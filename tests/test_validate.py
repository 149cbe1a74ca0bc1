"""Campaign files with everything that they name: SQL, templates, recipient lists and their columns."""

# ruff: noqa: E501 - messages are pinned as they are printed

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drafts import HEAD, PEOPLE, make_project
from outcamp.core.errors import OutcampError, SourceUnavailable, StorageRefused, UsageError
from outcamp.segments.project_files import read_project_file
from outcamp.steps.validate import campaign_files, check_files

ROOT = Path(__file__).parents[1]
QUERY = HEAD.replace("{file: people.csv}", "{sql: due.sql, connection: warehouse}")


def said(home: Path, draft: str = HEAD, people: str = PEOPLE) -> list[str]:
    """What is printed about a project with this draft."""
    return [str(finding) for finding in check_files([make_project(home, draft, people)], home)]


def test_the_shipped_example_is_right() -> None:
    """The campaign that the repository shows has no findings."""
    assert [] == check_files([ROOT / "dags/campaigns/spring-renewal.yaml"], ROOT)


def test_a_right_project_has_no_findings(tmp_path: Path) -> None:
    """A draft whose list, columns and message fit together is fine."""
    assert [] == said(tmp_path, HEAD.replace("Hello", '"Hi {{ first_name }}"'))


def test_findings_of_the_model_are_told(tmp_path: Path) -> None:
    """A draft that is wrong by itself is told with its file and line."""
    assert [
        "dags/campaigns/spring.yaml:5: holdout: A percentage is expected. It says 5.\n  Next: Write a number from 0 to 100 and %: 5%, 0.1%."
    ] == said(tmp_path, f"{HEAD}holdout: 5\n")


def test_what_the_segment_has_no_use_for_is_told(tmp_path: Path) -> None:
    """A setting without behaviour is a finding, not a silence."""
    finding = (
        'dags/campaigns/spring.yaml:5: schedule.repeat: An external campaign has no starts of its own, so it cannot repeat. It says "daily".\n'
        "  Next: Leave it out: an external campaign starts whenever recipients are pushed."
    )
    assert [finding] == said(tmp_path, HEAD.replace("{file: people.csv}", "external") + "schedule: {repeat: daily}\n")


def test_a_list_in_an_object_store_is_asked_of_the_caller(tmp_path: Path) -> None:
    """Who can open it says its columns; here nobody can, and only the form of its address is looked at."""
    draft = HEAD.replace("people.csv", "s3://minio@lists/people.csv")
    file = make_project(tmp_path, draft)
    assert [] == check_files([file], tmp_path)
    (found,) = check_files([file], tmp_path, lambda segment, _: ["recipient_id", "tel", segment.file.removesuffix("/people.csv")])
    assert "The campaign uses sms, and the segment has no column phone." == found.problem
    assert "The columns are: recipient_id, tel, s3://minio@lists." in found.next_step


def test_an_address_that_is_none_is_told(tmp_path: Path) -> None:
    """A list whose address can lead nowhere is a finding with its line."""
    assert [
        "dags/campaigns/spring.yaml:2: segment.file: The file is 's3:///people.csv', which names no bucket.\n"
        "  Next: Write s3://bucket/key, or s3://connection@bucket/key with the id of an Airflow connection; gs:// likewise."
    ] == said(tmp_path, HEAD.replace("people.csv", "s3:///people.csv"))


@pytest.mark.parametrize("error", [StorageRefused("it refuses"), SourceUnavailable("it is away"), UsageError("of another type")])
def test_a_list_that_cannot_be_reached_is_told(tmp_path: Path, error: OutcampError) -> None:
    """Validation goes on, and the finding stands at the file."""

    def columns_of(_segment: object, _sql: str) -> list[str]:
        raise error

    (found,) = check_files([make_project(tmp_path, HEAD.replace("people.csv", "s3://lists/people.csv"))], tmp_path, columns_of)
    assert ("segment.file", error.message, "s3://lists/people.csv") == (found.field, found.problem, found.value)


def test_the_file_is_called_like_the_campaign(tmp_path: Path) -> None:
    """One looks for a campaign under its name."""
    assert [
        (
            "dags/campaigns/spring.yaml:1: name: The name is 'summer', and the file is called 'spring.yaml'.\n"
            "  Next: Call the file summer.yaml, or the campaign spring."
        )
    ] == said(tmp_path, HEAD.replace("spring", "summer"))


def test_two_files_with_one_name_are_refused(tmp_path: Path) -> None:
    """A name belongs to one file."""
    file = make_project(tmp_path)
    again = tmp_path / "dags/campaigns/old/spring.yaml"
    again.parent.mkdir()
    again.write_text(HEAD, encoding="utf-8")
    assert [
        (
            "dags/campaigns/old/spring.yaml:1: name: The name 'spring' is taken by dags/campaigns/spring.yaml.\n"
            "  Next: Give each campaign a name of its own."
        )
    ] == [str(finding) for finding in check_files([file, again], tmp_path)]


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """A file in another encoding is named, with the first byte that is wrong."""
    file = make_project(tmp_path)
    file.write_bytes(b"name: spr\xefng\n")
    assert ["dags/campaigns/spring.yaml: The file is not UTF-8 text (byte 9).\n  Next: Save it as UTF-8."] == [
        str(finding) for finding in check_files([file], tmp_path)
    ]


def test_sql_that_is_missing_is_told_with_the_nearest(tmp_path: Path) -> None:
    """A segment's query, and whoever it excludes, must be files that are there."""
    file = make_project(tmp_path, QUERY.replace("due.sql,", "due.sql, exclude: [staf.sql],"))
    (tmp_path / "include/sql/segments/dues.sql").write_text("SELECT 1", encoding="utf-8")
    (tmp_path / "include/sql/segments/staff.sql").write_text("SELECT 1", encoding="utf-8")
    next_step = "\n  Next: Put the file into include/sql/segments/, or name one that is there."
    assert [
        f"dags/campaigns/spring.yaml:2: segment.exclude[0]: There is no file 'staf.sql' in include/sql/segments/. Did you mean 'staff.sql'?{next_step}",
        f"dags/campaigns/spring.yaml:2: segment.sql: There is no file 'due.sql' in include/sql/segments/. Did you mean 'dues.sql'?{next_step}",
    ] == [str(finding) for finding in check_files([file], tmp_path)]


@pytest.mark.parametrize("name", ["../../../people.sql", "/etc/passwd", "link.sql"])
def test_a_file_outside_of_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    """A campaign cannot publish the text of any file of the machine, neither by its path nor through a link."""
    file = make_project(tmp_path, QUERY.replace("due.sql", name))
    (tmp_path / "people.sql").write_text("secret", encoding="utf-8")
    (tmp_path / "include/sql/segments/link.sql").symlink_to(tmp_path / "people.sql")
    assert [
        (
            f"dags/campaigns/spring.yaml:2: segment.sql: '{name}' lies outside of include/sql/segments/.\n"
            "  Next: Put the file into include/sql/segments/ and write its name."
        )
    ] == [str(finding) for finding in check_files([file], tmp_path)]


def test_a_template_that_is_missing_is_told_with_the_nearest(tmp_path: Path) -> None:
    """The file of a message must be there."""
    file = make_project(tmp_path, HEAD.replace("Hello", "hallo.sms.j2"))
    (tmp_path / "include/templates/hello.sms.j2").write_text("Hello", encoding="utf-8")
    assert [
        (
            "dags/campaigns/spring.yaml:4: channels.sms.body: There is no file 'hallo.sms.j2' in include/templates/. Did you mean 'hello.sms.j2'?\n"
            "  Next: Put the file into include/templates/, or name one that is there."
        )
    ] == [str(finding) for finding in check_files([file], tmp_path)]


def test_a_template_that_is_wrong_is_told_with_its_line(tmp_path: Path) -> None:
    """A mistake in a template names the template's own line."""
    file = make_project(tmp_path, HEAD.replace("Hello", "hello.j2"))
    (tmp_path / "include/templates/hello.j2").write_text("Hello\n{{ name | uper }}\n", encoding="utf-8")
    assert [
        (
            "dags/campaigns/spring.yaml:4: channels.sms.body: hello.j2, line 2: No filter named 'uper'.\n"
            "  Next: Correct the template; {% raw %} keeps braces as they are."
        )
    ] == [str(finding) for finding in check_files([file], tmp_path)]


def test_a_column_that_the_segment_lacks_is_told_with_the_nearest(tmp_path: Path) -> None:
    """A message cannot read what the segment does not have; a mapped column is known by its new name only."""
    draft = HEAD.replace("{file: people.csv}", "{file: people.csv, columns: {given: first_name}}").replace(
        "Hello", '"Hi {{ first_nme }}, {{ given }}"'
    )
    columns = "recipient_id, phone, email, given"
    assert [
        (
            "dags/campaigns/spring.yaml:4: channels.sms.body: The message reads first_nme, and the segment has no such column.\n"
            f"  Next: Select it in the segment, or map it with segment.columns. The columns are: {columns}."
        )
    ] == said(tmp_path, draft)


def test_a_segment_without_recipient_id_is_refused(tmp_path: Path) -> None:
    """Who somebody is must be known, under this name or mapped to it."""
    people = PEOPLE.replace("recipient_id", "customer_no")
    found = said(tmp_path / "a", people=people)
    assert 1 == len(found)
    assert found[0].startswith("dags/campaigns/spring.yaml:2: segment.columns: people.csv: the segment has no column recipient_id\n")
    assert [] == said(
        tmp_path / "b", HEAD.replace("{file: people.csv}", "{file: people.csv, columns: {recipient_id: customer_no}}"), people
    )


@pytest.mark.parametrize(
    ("more", "header", "message"),
    [
        (
            "",
            "recipient_id,mobile,first_name",
            (
                "2: segment: The campaign uses sms, and the segment has no column phone.\n"
                "  Next: Select it in the segment, or map it with segment.columns. The columns are: recipient_id, mobile, first_name."
            ),
        ),
        (
            "endpoints: [mobil, home]\n",
            "recipient_id,mobile,home",
            (
                "5: endpoints[0]: The segment has no column mobil. Did you mean 'mobile'?\n"
                "  Next: Select it in the segment, or map it with segment.columns. The columns are: recipient_id, mobile, home."
            ),
        ),
    ],
)
def test_the_columns_that_carry_the_endpoint_must_be_there(tmp_path: Path, more: str, header: str, message: str) -> None:
    """Without a phone column every recipient would be dropped, one by one."""
    assert [f"dags/campaigns/spring.yaml:{message}"] == said(tmp_path, HEAD + more, f"{header}\n1,+12025550143,x\n")


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        (
            "{phone: mobil}",
            (
                "people.csv: segment.columns maps phone to 'mobil', and there is no such column\n"
                "  Next: did you mean 'mobile'? the columns are recipient_id, phone, mobile"
            ),
        ),
        (
            "{phone: mobile, home: mobile}",
            (
                "people.csv: segment.columns maps both phone and home to 'mobile'\n"
                "  Next: select the column twice in the segment, under two names, or remove one of the two"
            ),
        ),
    ],
)
def test_columns_that_map_something_else_than_was_meant_are_refused(tmp_path: Path, mapping: str, message: str) -> None:
    """Whoever is called would be called at another number than the file says."""
    draft = HEAD.replace("people.csv", f"people.csv, columns: {mapping}")
    people = "recipient_id,phone,mobile\n1,+12025550143,+12025550144\n"
    (found,) = said(tmp_path, draft, people)
    assert f"dags/campaigns/spring.yaml:2: segment.columns: {message}" == found


def test_ids_that_an_occurrence_would_refuse_are_refused(tmp_path: Path) -> None:
    """What review and the first wave would say of the list is said before, in the same words."""
    draft = make_project(tmp_path, HEAD.replace("people.csv", "people.parquet"))
    people = {"recipient_id": pa.array([1.0, 2.5]), "phone": ["+12025550143"] * 2}
    pq.write_table(pa.table(people), tmp_path / "people.parquet")
    assert [
        "dags/campaigns/spring.yaml:2: segment.file: people.parquet: the column recipient_id holds double, and is read as text\n"
        "  Next: cast it to text in the source, so that nothing is rounded or re-formatted"
    ] == [str(finding) for finding in check_files([draft], tmp_path)]
    pq.write_table(pa.table(people | {"recipient_id": ["1", ""]}), tmp_path / "people.parquet")
    assert ["people.parquet: 1 of 2 rows have no recipient_id"] == [finding.problem for finding in check_files([draft], tmp_path)]


EMAIL = HEAD.replace("channel: sms", "channel: email")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            "{subject: Hi, body: Hello, unsubscribe: 'http://acme.example/bye'}",
            (
                "channels.email.unsubscribe: The message cannot be made: it comes out as 'http://acme.example/bye', which is no https or mailto "
                "address.\n  Next: Correct the text."
            ),
        ),
        (
            "{subject: ' ', body: Hello}",
            'channels.email.subject: The message cannot be made: it comes out blank. It says " ".\n  Next: Correct the text.',
        ),
        (
            "{subject: Hi, body: Hello, transport: smtp_default, sender: Acme}",
            "channels.email.sender: channels.email.sender is 'Acme', which holds no address.\n  Next: Write \"Name <name@example.com>\".",
        ),
    ],
)
def test_what_could_never_be_sent_is_refused(tmp_path: Path, settings: str, message: str) -> None:
    """In the words in which preview and the transport would refuse it."""
    draft = EMAIL.replace("{sms: {body: Hello}}", f"{{email: {settings}}}")
    assert [f"dags/campaigns/spring.yaml:4: {message}"] == said(tmp_path, draft)


@pytest.mark.parametrize(
    "settings",
    [
        "{subject: Hi, body: Hello, unsubscribe: 'mailto:bye@acme.example'}",
        "{subject: Hi, body: Hello, unsubscribe: '{{ first_name }}'}",
        "{subject: Hi, body: Hello, sender: Acme}",
        "{subject: Hi, body: Hello, transport: smtp_default, sender: 'Acme <news@acme.example>'}",
    ],
)
def test_what_may_be_sent_is_not_refused(tmp_path: Path, settings: str) -> None:
    """What a recipient's columns make of it is not known yet, and what is built in sends nothing to anybody."""
    assert [] == said(tmp_path, EMAIL.replace("{sms: {body: Hello}}", f"{{email: {settings}}}"))


LONG = "x" * 300


@pytest.mark.parametrize(
    ("draft", "field", "problem"),
    [
        (HEAD.replace("Hello", f"{LONG}.j2"), "channels.sms.body", f"There is no file '{LONG}.j2' in include/templates/."),
        (QUERY.replace("due.sql", f"{LONG}.sql"), "segment.sql", f"There is no file '{LONG}.sql' in include/sql/segments/."),
        (HEAD.replace("people.csv", f"{LONG}.csv"), "segment.file", f"There is no file '{LONG}.csv'."),
        (HEAD.replace("people.csv", f"{LONG}/people.csv"), "segment.file", f"There is no file '{LONG}/people.csv'."),
    ],
)
def test_a_name_that_no_disk_can_hold_names_no_file(tmp_path: Path, draft: str, field: str, problem: str) -> None:
    """Somebody has written a text where a file's name belongs."""
    found = check_files([make_project(tmp_path, draft)], tmp_path)
    assert [(field, problem)] == [(one.field, one.problem) for one in found]


def test_a_path_that_no_disk_can_hold_is_wrong_use(tmp_path: Path) -> None:
    """As one that is not there."""
    with pytest.raises(UsageError) as raised:
        campaign_files([tmp_path / LONG], tmp_path)
    assert f"There is no file or folder '{tmp_path / LONG}'.\n  Next: Name a campaign file, or a folder of them." == str(raised.value)


def test_a_byte_order_mark_is_no_part_of_a_text(tmp_path: Path) -> None:
    """Windows writes one before the text; a customer would see it, and Postgres would not take it."""
    (tmp_path / "hello.j2").write_text("Hello", encoding="utf-8-sig")
    assert "Hello" == read_project_file(tmp_path, "hello.j2")


def test_a_list_that_is_missing_is_told_with_the_nearest(tmp_path: Path) -> None:
    """The recipient list must be there."""
    assert [
        (
            "dags/campaigns/spring.yaml:2: segment.file: There is no file 'peple.csv'. Did you mean 'people.csv'?\n"
            "  Next: Write its path from the root of the project."
        )
    ] == said(tmp_path, HEAD.replace("people.csv", "peple.csv"))


@pytest.mark.parametrize("cut", ['2,"+1202', "2,+12025550144"])
def test_a_csv_that_is_cut_short_is_refused(tmp_path: Path, cut: str) -> None:
    """A list whose last row is not whole was not written to its end."""
    found = said(tmp_path, people=PEOPLE + cut)
    assert 1 == len(found)
    file = tmp_path / "people.csv"
    assert found[0].startswith(f"dags/campaigns/spring.yaml:2: segment.file: {file}: the file is cut short or damaged: ")
    assert found[0].endswith("\n  Next: write the file again and retry; nothing was read from it")


@pytest.mark.parametrize("size", [0, 3, 50, -1])
def test_a_parquet_file_that_is_cut_short_is_refused(tmp_path: Path, size: int) -> None:
    """However much of a Parquet file is missing, it is named as cut short."""
    draft = make_project(tmp_path, HEAD.replace("people.csv", "people.parquet"))
    file = tmp_path / "people.parquet"
    pq.write_table(pa.table({"recipient_id": ["1"], "phone": ["+12025550143"]}), file)
    assert [] == check_files([draft], tmp_path)
    file.write_bytes(file.read_bytes()[:size])
    found = [str(finding) for finding in check_files([draft], tmp_path)]
    assert 1 == len(found)
    assert found[0].startswith(f"dags/campaigns/spring.yaml:2: segment.file: {file}: the file is cut short or damaged: ")


def query_project(home: Path) -> Path:
    """A project whose segment is a query."""
    file = make_project(home, QUERY.replace("Hello", "'{{ city }}'"))
    (home / "include/sql/segments/due.sql").write_text("SELECT * FROM due", encoding="utf-8")
    return file


def test_the_columns_of_a_query_are_asked_of_the_caller(tmp_path: Path) -> None:
    """Whoever checks says what a query's columns are; unknown columns are no finding."""
    file = query_project(tmp_path)
    asked = []

    def columns_of(_segment: object, sql: str) -> list[str]:
        asked.append(sql)
        return ["recipient_id", "phone", "citi"]

    assert ["The message reads city, and the segment has no such column."] == [
        finding.problem for finding in check_files([file], tmp_path, columns_of)
    ]
    assert ["SELECT * FROM due"] == asked
    assert [] == check_files([file], tmp_path)


def test_a_database_that_cannot_be_reached_is_a_finding(tmp_path: Path) -> None:
    """Other files are still checked when one database is down."""
    file = query_project(tmp_path)

    def columns_of(_segment: object, _sql: str) -> list[str]:
        raise SourceUnavailable("The database is away.", next_step="Wait.")

    assert ['dags/campaigns/spring.yaml:2: segment.connection: The database is away. It says "warehouse".\n  Next: Wait.'] == [
        str(finding) for finding in check_files([file], tmp_path, columns_of)
    ]


def test_folders_are_searched_for_campaign_files(tmp_path: Path) -> None:
    """A folder stands for the campaign files in it, no path for all drafts, and a file for itself once."""
    file = make_project(tmp_path)
    (file.parent / "notes.txt").write_text("", encoding="utf-8")
    assert [file] == campaign_files([], tmp_path) == campaign_files([tmp_path / "dags", file], tmp_path)
    with pytest.raises(UsageError) as raised:
        campaign_files([tmp_path / "nowhere"], tmp_path)
    assert f"There is no file or folder '{tmp_path}/nowhere'.\n  Next: Name a campaign file, or a folder of them." == str(raised.value)
