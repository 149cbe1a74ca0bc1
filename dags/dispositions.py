"""The Airflow DAG that takes in the outcomes of all campaigns."""

from outcamp.dag.dispositions import build_dispositions_dag

dag = build_dispositions_dag()
