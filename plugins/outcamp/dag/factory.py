"""The DAG of one published campaign.

snapshot ─> filter (a part each) ─> fan_out ─┬─> send (a batch each) ─> feed_back ─> watch
                                             └─> next_wave

With ``review: true``, approve stands before send.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, AssetAlias, ExceptionRetryPolicy, Param, task
from airflow.sdk.api.datamodels._generated import DagRunType
from airflow.sdk.definitions.retry_policy import RetryAction, RetryRule

from outcamp.core.campaign import Campaign
from outcamp.core.errors import Permanent, Transient
from outcamp.core.manifest import Manifest
from outcamp.dag import tasks
from outcamp.dag.owners import owner_links
from outcamp.dag.timetable import CampaignTimetable
from outcamp.steps.published import dag_id_of

MAX_ACTIVE_RUNS = 16  # waves overlap; runs that wait for their instant count too

# Trying again cannot help what is Permanent. Anything outside of the error tree is tried again as Airflow always does.
RETRIES = ExceptionRetryPolicy(
    rules=[
        RetryRule(exception=Permanent, action=RetryAction.FAIL, reason="trying again cannot help"),
        RetryRule(exception=Transient, action=RetryAction.RETRY, reason="the same call may succeed later"),
    ]
)

_AGAIN = (
    "A Trigger is an occurrence of its own, at this moment: it reads the segment and contacts everybody whom the rules let through, "
    "**also those who were contacted before**. Limits, hours and entry limits hold. Without this tick the run does nothing."
)


def build_dag(manifest: Manifest) -> DAG:
    """Return the DAG of a published campaign; each of its runs is one wave."""
    campaign = manifest.campaign
    tick = Param(False, type="boolean", title="Start a new occurrence", description_md=_AGAIN)
    with DAG(
        dag_id=dag_id_of(campaign.name),
        description=campaign.description or None,
        doc_md=_doc(manifest),
        schedule=None if campaign.is_external else CampaignTimetable(campaign.schedule, manifest.published_at),
        catchup=False,
        is_paused_upon_creation=False,
        max_active_runs=MAX_ACTIVE_RUNS,
        allowed_run_types=[DagRunType.SCHEDULED, DagRunType.MANUAL, DagRunType.OPERATOR_TRIGGERED],  # no backfills
        params={} if campaign.is_external else {tasks.CONTACT_AGAIN: tick},
        tags=["outcamp", f"channel:{campaign.channel}", *([f"owner:{campaign.owner}"] if campaign.owner else [])],
        owner_links=owner_links(campaign.owner),
        default_args={
            "owner": campaign.owner or "outcamp",
            # A quarter of an hour in all: so long a ledger or a server may be away before somebody has to look.
            "retries": 8,
            "retry_delay": timedelta(seconds=5),
            "retry_exponential_backoff": 2.0,
            "max_retry_delay": timedelta(minutes=5),
            "retry_policy": RETRIES,
            # Runs without a logical date, which waves are, would queue behind everything else.
            "priority_weight": 10,
            "weight_rule": "absolute",
        },
    ) as dag:
        _wire(campaign)
    return dag


def _wire(campaign: Campaign) -> None:
    """Join the tasks of a wave. Whatever failed before, feed_back runs, and watch makes the run red."""
    name = campaign.name
    snapshot = _of("snapshot", outlets=[AssetAlias(tasks.snapshot_alias(name))])(tasks.snapshot)(name)
    decided = _of("filter")(tasks.filter_part).partial(campaign=name).expand(part=snapshot)
    # none_failed: after a Clear there may be fewer parts than before, and Airflow removes the rest, which is neither success nor failure.
    batches = _of("fan_out", trigger_rule="none_failed")(tasks.fan_out)(name)
    upcoming = _of("next_wave", trigger_rule="none_failed")(tasks.next_wave)(name)
    sent = _of("send")(tasks.send).partial(campaign=name).expand(batch=batches)
    fed = _of("feed_back", trigger_rule="all_done")(tasks.feed_back)(name)
    watch = _of("watch", trigger_rule="one_failed")(tasks.watch)(name)
    decided >> batches >> [upcoming, sent] >> fed
    if campaign.review:
        from outcamp.dag.review import ask_for_approval

        # Nothing but send follows: a Reject skips what does. Where approve fails, so does send, and watch sees it.
        batches >> ask_for_approval(name) >> sent
    # A run's colour is that of its leaves: without this one, feed_back would paint every wave green.
    [snapshot, decided, batches, upcoming, sent, fed] >> watch


def _of(task_id: str, **settings: Any) -> Any:
    return task(task_id=task_id, **settings)


def _doc(manifest: Manifest) -> str:
    """Return the frozen settings as the DAG's page shows them."""
    import yaml

    settings = manifest.campaign.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    text = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True, width=120)
    return f"Published {manifest.published_at:%Y-%m-%d %H:%M:%S} UTC, seal `{manifest.seal[:12]}`.\n\n```yaml\n{text}```\n"
