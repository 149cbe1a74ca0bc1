from outcamp.plugin import OutcampPlugin  # noqa: D100, F401 - Airflow imports this file; .airflowignore keeps it from importing the others
