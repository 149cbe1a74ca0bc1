-- Runs that waves asked Airflow for, until their snapshot opens the wave: while one is still to come, nobody asks for another one after it.
CREATE TABLE outcamp.planned_runs (
    campaign_id integer NOT NULL REFERENCES outcamp.campaigns,
    run         text COLLATE "C" NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (campaign_id, run)
);
