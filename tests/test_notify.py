"""Failures are told by the notifiers that a campaign names; what cannot tell is refused early, or hinders nobody."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import BaseNotifier

from drafts import HEAD, campaign, read_campaign
from outcamp.core.errors import CampaignFileError
from outcamp.core.manifest import read_manifest, seal_manifest
from outcamp.core.notify import Notifier
from outcamp.dag.notify import notify_errors, notify_failure
from outcamp.steps.engine import register
from outcamp.steps.stop import resume
from outcamp.steps.validate import check_files
from outcamp.store import stops
from outcamp.store.embedded import throw_away_database
from outcamp.store.ledger import Ledger
from small_world import NOW, RUN

CONTEXT = {"run_id": "20261201T150000Z"}
MESSAGE = (
    "spring is in Error: a task failed. Nothing is sent until somebody has looked. "
    "Run 20261201T150000Z of the DAG outcamp.spring has the log; once the cause is gone: outcamp resume spring"
)


class Note(BaseNotifier):
    """Writes what it is to say to a file."""

    template_fields = ("text",)

    def __init__(self, file: str, text: str = "{{ outcamp.campaign }} {{ outcamp.wave }} {{ outcamp.reason }}") -> None:
        super().__init__()
        self.file, self.text = file, text

    def notify(self, context: Any) -> None:
        """Write it."""
        Path(self.file).write_text(self.text, encoding="utf-8")


def notify(settings: str) -> None:
    notify_failure(campaign(f"notify: {settings}\n"), RUN, "a task failed", CONTEXT)


def test_a_notifier_is_given_its_parameters_and_the_message(tmp_path: Path) -> None:
    """Its templates know the campaign, the wave and the reason."""
    notify(f"[{{notifier: test_notify.Note, with: {{file: {tmp_path}/a}}}}]")
    assert f"spring {RUN} a task failed" == (tmp_path / "a").read_text(encoding="utf-8")


def test_an_error_without_a_failed_wave_is_told_once(tmp_path: Path, postgres_uri: str) -> None:
    """A breaker trips where no task fails: the pulse tells of it, and again only of the next Error."""
    note = f"[{{notifier: test_notify.Note, with: {{file: {tmp_path}/d, text: '{{{{ outcamp.message }}}}'}}}}]"
    with throw_away_database(postgres_uri, "told") as uri:
        ledger = Ledger.at(uri)
        ledger.migrate()
        manifest = seal_manifest(campaign(f"notify: {note}\n"), NOW, {}, {})
        for reason in ("too much failed", "too many complained"):
            with ledger.transaction() as tx:
                stops.record_error(tx, register(tx, manifest).campaign_id, NOW, reason)
            notify_errors(ledger, {"spring": manifest}.get, NOW, CONTEXT)
            said = f"spring is in Error: {reason}. Nothing is sent until somebody has looked. Once the cause is gone: outcamp resume spring"
            assert said == (tmp_path / "d").read_text(encoding="utf-8")
            (tmp_path / "d").unlink()
            notify_errors(ledger, {"spring": manifest}.get, NOW, CONTEXT)
            assert not (tmp_path / "d").exists()
            resume(ledger, manifest)
        ledger.close()


def test_a_connection_names_its_own_notifier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In its extra, so that the campaign file needs no more than its name."""
    extra = {"notifier": "test_notify.Note", "with": {"file": f"{tmp_path}/b", "text": "{{ outcamp.message }}"}}
    monkeypatch.setenv("AIRFLOW_CONN_OPS", json.dumps({"conn_type": "http", "extra": extra}))
    notify("[ops]")
    assert MESSAGE == (tmp_path / "b").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("connection", "why"),
    [
        ({"conn_type": "http"}, "notify: the connection 'ops' is of the type 'http', and does not say by which notifier."),
        ({"conn_type": "http", "extra": {"notifier": "nowhere.Note"}}, "nowhere cannot be imported: No module named 'nowhere'."),
        ({"conn_type": "smtp", "extra": {"notifier": "test_notify.Note"}}, "missing 1 required positional argument: 'file'"),
    ],
)
def test_who_cannot_be_told_is_logged_and_the_others_are_told(
    connection: dict[str, Any], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The failure itself is never hidden behind one of telling it."""
    monkeypatch.setenv("AIRFLOW_CONN_OPS", json.dumps(connection))
    with caplog.at_level(logging.ERROR):
        notify(f"[ops, {{notifier: test_notify.Note, with: {{file: {tmp_path}/c}}}}]")
    assert (tmp_path / "c").exists()
    assert "ops could not be told of the error of spring." in caplog.text
    assert why in caplog.text


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("[12]", "notify[0]: A connection's name, or {notifier: ..., with: {...}} is expected. It says 12.\n  Next: Write one of them."),
        ("[a, '']", "notify[1]: The text is empty.\n  Next: Write something, or leave the setting out."),
        (
            "[{notifier: Note}]",
            'notify[0].notifier: This is not the path of a class. It says "Note".\n  Next: Write it as package.module.TheClass.',
        ),
        (
            "[{notifer: a.B}]",
            "notify[0].notifier: notifier is missing.\n  Next: Add it.\n"
            "spring.yaml:5: notify[0].notifer: 'notifer' is not a setting here. Did you mean 'notifier'?\n"
            "  Next: The settings here are: notifier, with.",
        ),
    ],
)
def test_what_is_no_notifier_is_refused(settings: str, message: str) -> None:
    """With its place and what is expected there."""
    with pytest.raises(CampaignFileError) as raised:
        read_campaign(f"{HEAD}notify: {settings}\n", "spring.yaml")
    assert f"spring.yaml:5: {message}" == str(raised.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            "[{notifier: nowhere.at.all.Note}]",
            "notify[0].notifier: nowhere.at.all cannot be imported: No module named 'nowhere'. It says \"nowhere.at.all.Note\".\n"
            "  Next: Correct the path, or install the provider where campaigns are published and where they run.",
        ),
        (
            "[ops, {notifier: test_notify.Not}]",
            "notify[1].notifier: test_notify has no 'Not'. It says \"test_notify.Not\".\n  Next: Did you mean 'Note'?",
        ),
        (
            "[{notifier: pathlib.Path}]",
            "notify[0].notifier: pathlib.Path is no notifier of Airflow.\n  Next: Name a class that derives from airflow.sdk.BaseNotifier.",
        ),
        (
            "[{notifier: test_notify.Note, with: {file: a, txt: b}}]",
            "notify[0].with: test_notify.Note does not take this: got an unexpected keyword argument 'txt'.\n  Next: It takes: file, text.",
        ),
    ],
)
def test_a_notifier_that_cannot_be_used_is_found_before_publishing(settings: str, message: str, tmp_path: Path) -> None:
    """Its class is imported and its parameters are compared; what a connection says only Airflow knows."""
    draft = tmp_path / "dags" / "campaigns" / "spring.yaml"
    draft.parent.mkdir(parents=True)
    (tmp_path / "people.csv").write_text("recipient_id,phone\nada,+12025550143\n", encoding="utf-8")
    draft.write_text(f"{HEAD}notify: {settings}\n", encoding="utf-8")
    assert [f"dags/campaigns/spring.yaml:5: {message}"] == [str(finding) for finding in check_files([draft], tmp_path)]


def test_a_manifest_keeps_the_notifiers() -> None:
    """As the file says them."""
    settings = campaign("notify: [ops, {notifier: test_notify.Note, with: {file: a}}]\n")
    text = seal_manifest(settings, NOW, {}, {}).to_json()
    assert ("ops", Notifier(notifier="test_notify.Note", parameters={"file": "a"})) == read_manifest(text, "spring.json").campaign.notify
