"""An Airflow DAG for each published campaign. It never raises: an import error would take every campaign of this file down."""

from airflow.sdk import get_parsing_context

from outcamp.dag.factory import build_dag
from outcamp.dag.published import campaign_of_dag, good_manifests, read_published
from outcamp.dag.settings import read_settings

asked = get_parsing_context().dag_id
