"""The command line: verbs, exit codes, text for people and JSON for machines."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from drafts import HEAD, make_project
from outcamp.cli.main import VERBS, main
from outcamp.core.campaign_schema import campaign_schema
from outcamp.core.manifest import read_manifest

PLUGINS = Path(__file__).parents[1] / "plugins"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that the command works on."""
    make_project(tmp_path)
    monkeypatch.setenv("OUTCAMP_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("home")
def test_validate_says_that_all_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    """Without findings the exit code is 0."""
    assert 0 == main(["validate"])
    assert "1 file, no findings.\n" == capsys.readouterr().out


def test_validate_prints_findings_and_exits_with_1(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """People get text: file, line, field, problem, closest match, next step."""
    (home / "dags/campaigns/spring.yaml").write_text(f"{HEAD}review: yes\ncounts: all_campaign\n", encoding="utf-8")
    assert 1 == main(["validate", str(home / "dags/campaigns/spring.yaml")])
    assert (
        'dags/campaigns/spring.yaml:5: review: true or false is expected. It says "yes".\n  Next: Write true or false, without quotes.\n'
        "dags/campaigns/spring.yaml:6: counts: \"all_campaign\" is not one of the values of this setting. Did you mean 'all_campaigns'?\n"
        "  Next: Use one of: active_campaigns, all_campaigns.\n"
        "1 file, 2 findings.\n"
    ) == capsys.readouterr().out


def test_validate_prints_json_for_machines(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Machines get each part of a finding by its name."""
    (home / "dags/campaigns/spring.yaml").write_text(f"{HEAD}counts: all_campaign\n", encoding="utf-8")
    assert 1 == main(["validate", "--json"])
    assert {
        "files": 1,
        "findings": [
            {
                "file": "dags/campaigns/spring.yaml",
                "field": "counts",
                "problem": '"all_campaign" is not one of the values of this setting.',
                "line": 5,
                "value": '"all_campaign"',
                "closest": "all_campaigns",
                "next_step": "Use one of: active_campaigns, all_campaigns.",
            }
        ],
    } == json.loads(capsys.readouterr().out)


def test_publish_writes_the_manifest(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Publishing names the manifest and the next step; a second time it is refused."""
    assert 0 == main(["publish", "spring"])
    expected = "Published spring: dags/published/spring.json\n  Next: commit the manifest; the campaign runs once Airflow has it.\n"
    assert expected == capsys.readouterr().out
    assert "spring" == read_manifest((home / "dags/published/spring.json").read_text(encoding="utf-8"), "spring.json").campaign.name
    assert 1 == main(["publish", "spring"])
    assert "its settings never change" in capsys.readouterr().err


def test_publish_prints_json_for_machines(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Machines learn the manifest's path and the instant of publishing."""
    assert 0 == main(["publish", "spring", "--json"])
    said = json.loads(capsys.readouterr().out)
    manifest = read_manifest((home / said["manifest"]).read_text(encoding="utf-8"), "spring.json")
    assert ("spring", manifest.published_at.isoformat()) == (said["campaign"], said["published_at"])


@pytest.mark.usefixtures("home")
def test_an_error_is_text_for_people_and_json_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    """Errors go to stderr as text; with --json they are data on stdout."""
    assert 2 == main(["publish", "sprng"])
    assert ("", "There is no draft of a campaign 'sprng'.\n  Next: Did you mean 'spring'?\n") == tuple(capsys.readouterr())
    assert 2 == main(["publish", "sprng", "--json"])
    said = capsys.readouterr()
    assert "" == said.err
    assert {
        "error": "UsageError",
        "message": "There is no draft of a campaign 'sprng'.",
        "next_step": "Did you mean 'spring'?",
    } == json.loads(said.out)


def test_findings_that_stop_publishing_are_json_too(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A refused draft hands its findings to machines as validate does."""
    (home / "dags/campaigns/spring.yaml").write_text(f"{HEAD}counts: all_campaign\n", encoding="utf-8")
    assert 1 == main(["publish", "spring", "--json"])
    said = json.loads(capsys.readouterr().out)
    assert ("CampaignFileError", ["counts"]) == (said["error"], [finding["field"] for finding in said["findings"]])


def test_schema_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """The schema is printed as JSON."""
    assert 0 == main(["schema"])
    assert campaign_schema() == json.loads(capsys.readouterr().out)


def test_a_verb_that_there_is_not_is_told_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown verb is wrong use."""
    assert 2 == main(["validat"])
    assert "There is no verb 'validat'.\n  Next: Did you mean 'validate'?\n" == capsys.readouterr().err
    assert 2 == main(["frobnicate"])
    assert "There is no verb 'frobnicate'.\n  Next: outcamp --help lists the verbs.\n" == capsys.readouterr().err


def test_the_help_lists_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    """Every verb of the contract is in the help, and there is a module that does it."""
    with pytest.raises(SystemExit) as raised:
        main(["--help"])
    assert 0 == raised.value.code
    lines = capsys.readouterr().out.splitlines()
    for name, verb in VERBS.items():
        line = next(line for line in lines if line.split()[:1] == [name])
        assert verb.does in line
        assert importlib.util.find_spec(verb.module) is not None


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("words", [["publish"], ["publish", "a", "b"], ["validate", "--jsn"], ["schema", "x"]])
def test_wrong_arguments_are_wrong_use(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A call that does not fit its verb exits with 2 and shows how to call it."""
    with pytest.raises(SystemExit) as raised:
        main(words)
    assert 2 == raised.value.code
    assert capsys.readouterr().err.startswith("usage: outcamp")


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_bytes_that_are_no_text_are_wrong_use(more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A shell hands any bytes on; the argument is shown in letters that every terminal has."""
    assert 2 == main(["explain", "spring", "caf\udce9", *more])
    problem, next_step = r"The argument 'caf\udce9' is not UTF-8 text.", "Write it in UTF-8; give a file another name."
    printed = capsys.readouterr()
    if more:
        assert {"error": "UsageError", "message": problem, "next_step": next_step} == json.loads(printed.out)
    else:
        assert f"{problem}\n  Next: {next_step}\n" == printed.err


def test_the_command_alone_prints_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever does not know the verbs sees them; it is wrong use all the same, so a script notices a lost argument."""
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert (2, ("", shown)) == (main([]), tuple(capsys.readouterr()))


def test_a_home_that_is_no_folder_is_wrong_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """OUTCAMP_HOME must be the root of a project."""
    monkeypatch.setenv("OUTCAMP_HOME", str(tmp_path / "nowhere"))
    assert 2 == main(["validate"])
    assert (
        f"OUTCAMP_HOME is '{tmp_path}/nowhere', which is not a folder.\n  Next: Set it to the root of the project, or unset it.\n"
        == capsys.readouterr().err
    )


def test_help_loads_no_verb_and_no_heavy_library() -> None:
    """Asking for help is quick: neither the verbs nor pydantic, pandas or pyarrow are loaded."""
    code = (
        "import sys, outcamp.cli.main as m\ntry: m.main(['--help'])\nexcept SystemExit: pass\n"
        "print([n for n in sys.modules if n in ('pydantic', 'pandas', 'pyarrow', 'jinja2', 'yaml', 'outcamp.cli.validate')])"
    )
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(PLUGINS)}, capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.splitlines()[-1]


def test_output_may_be_cut_off() -> None:
    """Whoever reads only the first line of the output sees no complaint."""
    command = f"{sys.executable} -m outcamp schema | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], env={"PYTHONPATH": str(PLUGINS)}, capture_output=True, text=True, check=False
    )
    assert ("{\n", "") == (done.stdout, done.stderr)
