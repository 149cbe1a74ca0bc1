"""The documents cannot rot: what they show is run, what they name exists, and decisions keep their form."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DECISIONS = sorted((ROOT / "docs" / "adr").glob("*.md"))

SIMULATE = re.search(r"^\.venv/bin/outcamp (simulate .+)$", README, re.MULTILINE).group(1)


def table_after(heading: str) -> list[list[str]]:
    """The cells of the README's first table after some words, without its two lines of heading."""
    rows = README[README.index(heading) :].split("\n\n")[1].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_the_readme_shows_the_campaign_that_is_shipped() -> None:
    """The YAML in the README is examples/renewal-reminder.yaml to the letter, and its name is the file's."""
    shown = re.search(r"```yaml\n(.+?)```", README, re.DOTALL).group(1)
    assert (ROOT / "examples" / "renewal-reminder.yaml").read_text(encoding="utf-8") == shown


def test_the_readme_says_below_its_campaign_how_to_write_one() -> None:
    """The first words after the YAML lead to the page of the campaign file."""
    assert README.partition("```yaml\n")[2].partition("```\n")[2].lstrip().startswith("[The campaign file](docs/campaign-file.md)")


def test_the_readme_lists_every_document() -> None:
    """Each page of docs/ has its line in the README's list, and so has the folder of decisions."""
    listed = [re.search(r"\]\(([^)]+)\)", page).group(1) for page, _ in table_after("## Documents")]
    pages = [path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")]
    assert sorted([*pages, "docs/adr"]) == sorted(listed)


def test_every_setting_of_the_environment_is_documented() -> None:
    """The table of docs/airflow.md has each variable that the package reads, and no other."""
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "plugins").rglob("*.py")]
    named = set(re.findall(r"OUTCAMP_[A-Z_]*[A-Z]", "".join(sources)))
    text = (ROOT / "docs" / "airflow.md").read_text(encoding="utf-8").partition("\n## Settings\n")[2].partition("\n## ")[0]
    assert sorted(named) == sorted(re.findall(r"^\| `(OUTCAMP_\w+)` \|", text, re.MULTILINE))


def test_every_benchmark_is_documented() -> None:
    """The table of docs/benchmarks.md has the scripts that make bench runs."""
    run = subprocess.run(["make", "-n", "bench"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    text = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"benchmarks/\w+\.py", run)) == sorted(re.findall(r"^\| `(benchmarks/\w+\.py)` \|", text, re.MULTILINE))


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the README's simulate command fills."""
    folder = tmp_path_factory.mktemp("simulated")
    arguments = shlex.split(SIMULATE)
    arguments[arguments.index("--out") + 1] = str(folder)
    # This tree's package, whether or not it is installed.
    environment = os.environ | {"PYTHONPATH": str(ROOT / "plugins")}
    command = [sys.executable, "-m", "outcamp", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr
    return folder


def test_the_readme_command_sends_what_the_readme_shows(simulated: Path) -> None:
    """The README's simulate command sends exactly the attempts of the README's table."""
    shown = [
        {
            "recipient_id": recipient,
            "attempt": int(attempt),
            "channel": channel,
            "sent_at": datetime.strptime(sent_at, "%Y-%m-%d %H:%M").replace(tzinfo=UTC),
        }
        for recipient, attempt, channel, sent_at, _ in table_after("What was sent")
    ]
    sent = pq.read_table(simulated / "attempts.parquet", columns=["recipient_id", "attempt", "channel", "sent_at"]).to_pylist()
    assert shown == sorted(sent, key=lambda row: (row["recipient_id"], row["attempt"]))


def test_the_readme_names_the_reason_of_everybody_else(simulated: Path) -> None:
    """Those who get nothing in the README's example are dropped for the reasons that it gives."""
    verdicts = pq.read_table(simulated / "verdicts.parquet").to_pylist()
    dropped = {(row["recipient_id"], row["reason"]) for row in verdicts if row["verdict"] == "drop"}
    assert {("fay", "invalid_endpoint"), ("gus", "no_time_zone"), ("ada", "duplicate")} == dropped


def test_the_map_of_the_readme_is_the_house() -> None:
    """Every folder on the README's map exists, and every folder of the package is on it or still empty."""
    named = {folder for row in table_after("## Where things are") for folder in re.findall(r"`([\w/]+/)`", row[0] + row[1])}
    assert [] == [folder for folder in sorted(named) if not (ROOT / folder).is_dir()]
    package = ROOT / "plugins" / "outcamp"
    built = {f"plugins/outcamp/{path.name}/" for path in package.iterdir() if any(file.stat().st_size for file in path.glob("*.py"))}
    assert set() == built - named


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_link_leads_nowhere(document: Path) -> None:
    """Every relative link of a document leads to something that exists."""
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    assert [] == [link for link in links if not (document.parent / link).exists()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_that_a_document_names_exists(document: Path) -> None:
    """A path of this project in backticks leads to a file or folder, so that a renamed one is noticed."""
    folders = "plugins|include|dags|docs|tests|benchmarks|examples|core"
    named = re.findall(rf"`((?:{folders})/[\w./-]*)`", document.read_text(encoding="utf-8"))
    homes = (ROOT, ROOT / "plugins" / "outcamp")
    assert [] == [path for path in named if not any((home / path).exists() for home in homes)]


@pytest.mark.parametrize("number", range(1, len(DECISIONS) + 1))
def test_a_decision_keeps_the_form(number: int) -> None:
    """Decisions are numbered without gaps, and each has its five parts in order."""
    path = DECISIONS[number - 1]
    text = path.read_text(encoding="utf-8")
    assert path.name.startswith(f"{number:04}-")
    assert text.startswith(f"# {number}. ")
    parts = ["Context", "Decision", "Consequences", "A change violates this decision when it", "Evidence"]
    assert parts == re.findall(r"^## (.+)$", text, re.MULTILINE)


def test_the_changelog_opens_with_what_is_to_come() -> None:
    """The newest section is the unreleased one or the project's version, and every section speaks of behaviour changes first."""
    sections = re.split(r"^## ", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert sections[0].split("\n")[0].startswith(("Unreleased", version))
    assert ["### Behaviour changes"] * len(sections) == [re.search(r"^### .+$", section, re.MULTILINE).group() for section in sections]
