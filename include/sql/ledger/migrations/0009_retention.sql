-- Attempts that are over, old, and out of the way of whatever sends. Every row is in one of the two tables, and moves in one direction only.
CREATE TABLE outcamp.past_attempts (
    LIKE outcamp.attempts,
    PRIMARY KEY (occurrence_id, recipient_id, attempt)
);

-- A limit that looks back beyond what has been moved, and the story of one recipient, find their contacts here. No send ever writes to it.
CREATE INDEX past_attempts_counted ON outcamp.past_attempts (bucket, recipient_id, counted_at) INCLUDE (campaign_id) WHERE counted_at IS NOT NULL;

-- For whoever asks about all that ever was.
CREATE VIEW outcamp.all_attempts AS SELECT * FROM outcamp.attempts UNION ALL SELECT * FROM outcamp.past_attempts;

-- Occurrences that are over, and what has been moved of them.
CREATE TABLE outcamp.retention (
    occurrence_id bigint PRIMARY KEY REFERENCES outcamp.occurrences,
    over_at       timestamptz NOT NULL,                      -- nobody was in it any more by then
    moved         bigint NOT NULL,                           -- attempts that were moved: so many are in past_attempts
    before        timestamptz,                               -- whatever has been moved was over before this instant
    look_at       timestamptz NOT NULL                       -- when to look for more; infinity: nothing is left
) WITH (fillfactor = 50);

-- How near the moves have come, which whoever counts limits asks.
CREATE INDEX retention_newest ON outcamp.retention (before);
