"""An Airflow DAG for each published campaign; when Airflow asks for one of them, only that one is built."""

from airflow.sdk import get_parsing_context

from outcamp.dag.loader import campaign_dags

for dag in campaign_dags(get_parsing_context().dag_id):
    globals()[dag.dag_id] = dag
