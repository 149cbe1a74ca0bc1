"""Shows manifests that cannot be used among Airflow's import errors. It defines no DAG, so that an error here stops none."""

from outcamp.dag.loader import refuse_bad_manifests

refuse_bad_manifests()
