-- What is still to come of messages that the built-in simulator accepted: the books of a provider that does not exist, so apart from the ledger.
CREATE SCHEMA IF NOT EXISTS outcamp_simulator;

CREATE TABLE outcamp_simulator.outcomes (
    outcome_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign      text COLLATE "C" NOT NULL,
    occurrence_id bigint NOT NULL,
    recipient_id  text COLLATE "C" NOT NULL,
    attempt       smallint NOT NULL,
    channel       text NOT NULL,
    disposition   text NOT NULL,
    disposed_at   timestamptz NOT NULL
);

CREATE INDEX outcomes_to_come ON outcamp_simulator.outcomes (campaign, disposed_at);
