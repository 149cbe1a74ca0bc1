"""``outcamp simulate`` as a user runs it: a process, files in and files out, exit codes, text and JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from outcamp.cli.main import main

PLUGINS = Path(__file__).parents[1] / "plugins"
INSTANT = pa.timestamp("us", tz="UTC")
CAMPAIGN = """\
name: spring
segment: external
channel: sms
channels: {sms: {body: Hello}, email: {subject: Hello, body: Hello}}
communication_limits: [{count: 2, within: 1 day}]
communication_time: {time_zone: UTC, active: [{days: mon-fri, from: "09:00", to: "17:00"}]}
reattempts: [{when: [blocked], channel: email, wait: 30 minutes}]
schedule: {start: 2026-12-01 10:00, time_zone: UTC, expires: 2026-12-03 10:00, repeat: daily}
holdout: 10%
"""
VERDICTS = pa.schema(
    [
        ("wave_at", INSTANT),
        ("occurrence", pa.int32()),
        ("recipient_id", pa.string()),
        ("attempt", pa.int16()),
        ("channel", pa.string()),
        ("verdict", pa.string()),
        ("reason", pa.string()),
        ("due_at", INSTANT),
    ]
)
ATTEMPTS = pa.schema(
    [
        ("occurrence", pa.int32()),
        ("recipient_id", pa.string()),
        ("attempt", pa.int16()),
        ("channel", pa.string()),
        ("sent_at", INSTANT),
        ("disposition", pa.string()),
        ("disposed_at", INSTANT),
        ("counted", pa.bool_()),
        ("rule", pa.int16()),
    ]
)
FILES = ["attempts.parquet", "summary.json", "verdicts.parquet"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A campaign file, and the files that go with it."""
    folder = tmp_path_factory.mktemp("user")
    people = [f"{number:03},+1202555{number:04},p{number}@example.com" for number in range(100, 160)]
    (folder / "people.csv").write_text("\n".join(["recipient_id,phone,email", *people, people[0], "x,none,"]) + "\n", encoding="utf-8")
    (folder / "outcomes.csv").write_text("recipient_id,attempt,channel,disposition,after\n110,1,sms,blocked,120\n", encoding="utf-8")
    contacts = ["recipient_id,campaign,contacted_at,active", *["111,other,2026-12-01T08:00:00Z,true"] * 2]
    (folder / "history.csv").write_text("\n".join(contacts) + "\n", encoding="utf-8")
    (folder / "suppressions.csv").write_text("recipient_id,channel\n112,\n", encoding="utf-8")
    (folder / "spring.yaml").write_text(CAMPAIGN, encoding="utf-8")
    return folder


def words(out: str, *more: str, **options: str | None) -> list[str]:
    """The words of a command; an option of None is left out."""
    given = {"recipients": "people.csv", "at": "2026-12-01T05:00:00-05:00", "out": out} | options
    named = [word for name, value in given.items() if value is not None for word in (f"--{name.replace('_', '-')}", value)]
    return ["simulate", *(more or ("spring.yaml",)), *named]


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the user's folder, as a process of its own."""
    # Without a folder for run-time files, as in a container: nobody is told about that.
    environment = {name: value for name, value in os.environ.items() if name != "XDG_RUNTIME_DIR"} | {"PYTHONPATH": str(PLUGINS)}
    whole = [sys.executable, "-m", "outcamp", *command]
    return subprocess.run(whole, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@dataclass(frozen=True)
class Done:
    """What a command in this process did."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Runs a command in the user's folder, in this process: refusals are many, and a process each is slow."""
    monkeypatch.chdir(folder)

    def run_here(*command: str) -> Done:
        capsys.readouterr()
        code = main(list(command))
        return Done(code, *capsys.readouterr())

    return run_here


BOOKS = {"outcomes": "outcomes.csv", "history": "history.csv", "suppressions": "suppressions.csv"}


@pytest.fixture(scope="module")
def simulated(folder: Path) -> subprocess.CompletedProcess[str]:
    """The whole campaign, with all the files that it can be given."""
    return run(folder, *words("out", **BOOKS))


@pytest.fixture(scope="module")
def out(folder: Path, simulated: subprocess.CompletedProcess[str]) -> Path:
    """The folder that the run filled."""
    assert 0 == simulated.returncode, simulated.stderr
    return folder / "out"


def test_three_files_are_written(out: Path) -> None:
    """Two tables and a summary, and nothing else."""
    assert FILES == sorted(path.name for path in out.iterdir())


def test_the_tables_have_the_columns_and_types_that_are_promised(out: Path) -> None:
    """Names, order and types are those of the documentation; instants are UTC."""
    assert VERDICTS == pq.read_schema(out / "verdicts.parquet").remove_metadata()
    assert ATTEMPTS == pq.read_schema(out / "attempts.parquet").remove_metadata()


def test_the_summary_is_what_the_tables_say(out: Path) -> None:
    """Every candidate is accounted for, by verdict and reason."""
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    verdicts, attempts = pq.read_table(out / "verdicts.parquet").to_pandas(), pq.read_table(out / "attempts.parquet").to_pandas()
    assert summary["balanced"] is True
    assert len(verdicts) == summary["candidates"] == summary["send"] + sum(summary["later"].values()) + sum(summary["drop"].values())
    for verdict in ("later", "drop"):
        assert verdicts[verdicts["verdict"] == verdict]["reason"].value_counts().to_dict() == summary[verdict]
    assert (verdicts["verdict"] == "send").sum() == summary["send"] == len(attempts) == summary["submitted"]
    assert attempts["disposition"].value_counts().to_dict() == summary["dispositions"]


def test_every_file_that_was_given_had_its_effect(out: Path) -> None:
    """The outcome made a reattempt, the history a limit, the list a suppression; the segment's own faults are named."""
    verdicts = pq.read_table(out / "verdicts.parquet").to_pylist()
    reasons = {(row["recipient_id"], row["reason"]) for row in verdicts if row["occurrence"] == 0 and row["verdict"] == "drop"}
    assert {("111", "over_limit"), ("112", "suppressed"), ("100", "duplicate"), ("x", "invalid_endpoint")} <= reasons
    again = [row for row in pq.read_table(out / "attempts.parquet").to_pylist() if row["recipient_id"] == "110" and row["occurrence"] == 0]
    assert [(1, "sms", "blocked", False, None), (2, "email", "delivered", True, 0)] == [
        (row["attempt"], row["channel"], row["disposition"], row["counted"], row["rule"]) for row in again
    ]


def test_people_get_the_funnel(simulated: subprocess.CompletedProcess[str], out: Path) -> None:
    """The text names the campaign, each reason with its number, and the line that reads the result."""
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    lines = simulated.stdout.splitlines()
    assert f"spring: {summary['waves']} waves, balanced" == lines[0]
    assert ["candidates", f"{summary['candidates']}"] == lines[1].split()
    assert ["drop:", "suppressed", f"{summary['drop']['suppressed']}"] in [line.split() for line in lines]
    assert "pandas: pd.read_parquet('out/verdicts.parquet')" == lines[-1]


def test_the_same_input_gives_the_same_files(folder: Path, out: Path) -> None:
    """A second run writes the same bytes, and with --json prints the summary to machines."""
    again = run(folder, *words("again", "spring.yaml", "--json", **BOOKS))
    assert 0 == again.returncode, again.stderr
    assert "" == again.stderr
    assert {name: (out / name).read_bytes() for name in FILES} == {name: (folder / "again" / name).read_bytes() for name in FILES}
    assert json.loads((out / "summary.json").read_text(encoding="utf-8")) == json.loads(again.stdout)


def test_parquet_is_as_good_as_csv(folder: Path, here: Callable[..., Done]) -> None:
    """A list in Parquet, a campaign at one instant, a folder that is not there yet."""
    people = pa.table({"recipient_id": pa.array([7]), "phone": ["+12025550143"]})
    pq.write_table(people, folder / "people.parquet")
    done = here(*words("new/one/wave", recipients="people.parquet", until="2026-12-01T10:00:00+00:00"))
    assert 0 == done.returncode, done.stderr
    assert ["7"] == pq.read_table(folder / "new/one/wave/verdicts.parquet")["recipient_id"].to_pylist()


def test_a_simulation_approves_what_a_person_would_be_asked_about(folder: Path, here: Callable[..., Done]) -> None:
    """With review: true it decides and sends the same."""
    (folder / "reviewed.yaml").write_text(CAMPAIGN + "review: true\n", encoding="utf-8")
    for out, file in (("plain", "spring.yaml"), ("reviewed", "reviewed.yaml")):
        assert 0 == here(*words(out, file, until="2026-12-01T10:00:00+00:00")).returncode
    assert (folder / "plain" / "summary.json").read_bytes() == (folder / "reviewed" / "summary.json").read_bytes()


def test_nobody_is_a_result_too(folder: Path, here: Callable[..., Done]) -> None:
    """An empty list makes empty tables with all their columns."""
    (folder / "nobody.csv").write_text("recipient_id,phone\n", encoding="utf-8")
    done = here(*words("nobody", recipients="nobody.csv"))
    assert 0 == done.returncode, done.stderr
    for name, schema in (("verdicts", VERDICTS), ("attempts", ATTEMPTS)):
        table = pq.read_table(folder / "nobody" / f"{name}.parquet")
        assert (0, schema) == (table.num_rows, table.schema.remove_metadata())


# What is refused.

AT = "write it like 2026-12-01T07:00:00-05:00"


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ({"at": "soon"}, 2, f"--at 'soon' is not an instant\n  Next: {AT}\n"),
        (
            {"at": "2026-12-01T10:00:00"},
            2,
            "--at '2026-12-01T10:00:00' has no offset from UTC\n  Next: add one: 2026-12-01T10:00:00+00:00\n",
        ),
        ({"at": "2026-12-01"}, 2, "--at '2026-12-01' has no offset from UTC\n  Next: add one: 2026-12-01T00:00:00+00:00\n"),
        (
            {"until": "2026-12-01 10:00"},
            2,
            "--until '2026-12-01 10:00' has no offset from UTC\n  Next: add one: 2026-12-01T10:00:00+00:00\n",
        ),
        ({"until": "2026-13-01T10:00:00Z"}, 2, f"--until '2026-13-01T10:00:00Z' is not an instant\n  Next: {AT}\n"),
        *(
            ({name: at}, 2, f"--{name} '{at}': the year {int(at[:4])} is not between 1900 and 2999\n  Next: {AT}\n")
            for name in ("at", "until")
            for at in ("0001-01-01T00:00:00+14:00", "1899-12-31T23:59:59Z", "3000-01-01T00:00:00Z", "9999-12-31T23:59:59-10:00")
        ),
        *(
            ({name: "x" * 300 + ".csv"}, 1, "x" * 300 + ".csv: there is no such file\n  Next: check the path\n")
            for name in ("recipients", "history", "outcomes", "suppressions")
        ),
        (
            {"until": "2026-12-01T04:00:00-05:00"},
            2,
            "--until 2026-12-01T04:00:00-05:00 is before --at 2026-12-01T05:00:00-05:00\n  Next: give a later instant\n",
        ),
        ({"wave_interval": "soon"}, 2, "--wave-interval 'soon' is not a number of seconds\n  Next: write a number from 1 on: 60\n"),
        ({"wave_interval": "0.5"}, 2, "--wave-interval '0.5' is not a number of seconds\n  Next: write a number from 1 on: 60\n"),
        ({"wave_interval": "nan"}, 2, "--wave-interval 'nan' is not a number of seconds\n  Next: write a number from 1 on: 60\n"),
        ({"recipients": "who.csv"}, 1, "who.csv: there is no such file\n  Next: check the path\n"),
        ({"history": "when.csv"}, 1, "when.csv: there is no such file\n  Next: check the path\n"),
        ({"outcomes": "what.csv"}, 1, "what.csv: there is no such file\n  Next: check the path\n"),
        ({"suppressions": "not.csv"}, 1, "not.csv: there is no such file\n  Next: check the path\n"),
        (
            {"outcomes": "people.csv"},
            1,
            "--outcomes: there is no column attempt\n  Next: the columns are recipient_id, phone, email; "
            "needed are recipient_id, attempt, channel, disposition, after\n",
        ),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(
    folder: Path, here: Callable[..., Done], options: dict[str, str], code: int, message: str
) -> None:
    """Wrong use exits with 2, wrong data with 1; the message goes to people, and no folder is made."""
    assert Done(code, "", message) == here(*words("refused", **options))
    assert not (folder / "refused").exists()


def test_a_campaign_file_that_cannot_be_simulated(folder: Path, here: Callable[..., Done]) -> None:
    """The finding has its file, line, field and next step; nothing is written."""
    file = folder / "wrong.yaml"
    file.write_text(CAMPAIGN + "hold_out: 5%\n", encoding="utf-8")
    done = here(*words("refused", "wrong.yaml"))
    assert (1, "") == (done.returncode, done.stdout)
    message = "wrong.yaml:10: hold_out: 'hold_out' is not a setting here. Did you mean 'holdout'?\n  Next: The settings here are: name, "
    assert done.stderr.startswith(message)
    assert not (folder / "refused").exists()


def test_a_campaign_without_an_end_needs_one(folder: Path, here: Callable[..., Done]) -> None:
    """Without an expiry and without --until it would never be over."""
    (folder / "endless.yaml").write_text(CAMPAIGN.replace("expires: 2026-12-03 10:00, ", ""), encoding="utf-8")
    message = "endless.yaml: the campaign repeats without an end\n  Next: give --until, the last instant to simulate\n"
    assert Done(2, "", message) == here(*words("refused", "endless.yaml"))


@pytest.mark.parametrize(
    ("out", "why"),
    [
        ("people.csv", "Not a directory"),
        ("people.csv/one/two", "Not a directory"),
        ("x" * 300, "File name too long"),
        ("/proc/outcamp", "No such file or directory"),
    ],
    ids=["a file", "within a file", "too long", "nobody may write there"],
)
def test_a_folder_that_cannot_be_made_is_said(folder: Path, here: Callable[..., Done], out: str, why: str) -> None:
    """It is refused before anything is simulated or even read."""
    before = (folder / "people.csv").read_bytes()
    message = f"--out {out} cannot be written: {why}\n  Next: name a folder, which need not be there yet\n"
    assert Done(2, "", message) == here(*words(out, recipients="who.csv"))
    assert before == (folder / "people.csv").read_bytes()


def test_a_file_that_cannot_be_written_is_said(folder: Path, here: Callable[..., Done]) -> None:
    """Where a file should go, there is a folder."""
    (folder / "taken" / "verdicts.parquet").mkdir(parents=True)
    done = here(*words("taken", until="2026-12-01T10:00:00+00:00"))
    assert (2, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("--out taken cannot be written: ")
    assert done.stderr.endswith("\n  Next: name a folder, which need not be there yet\n")


def test_a_campaign_file_that_is_not_there(here: Callable[..., Done]) -> None:
    """The path is named."""
    message = "nowhere.yaml cannot be read: [Errno 2] No such file or directory: 'nowhere.yaml'\n  Next: check the path\n"
    assert Done(1, "", message) == here(*words("refused", "nowhere.yaml"))


def test_machines_get_what_is_wrong_as_json(here: Callable[..., Done]) -> None:
    """With --json the error is on stdout, by its parts."""
    done = here(*words("refused", "spring.yaml", "--json", recipients="who.csv"))
    assert (1, "") == (done.returncode, done.stderr)
    assert {"error": "DataError", "message": "who.csv: there is no such file", "next_step": "check the path"} == json.loads(done.stdout)


def test_an_argument_that_is_missing(folder: Path) -> None:
    """The usage names it."""
    done = run(folder, *words("refused", at=None))
    assert 2 == done.returncode
    assert "error: the following arguments are required: --at" in done.stderr
