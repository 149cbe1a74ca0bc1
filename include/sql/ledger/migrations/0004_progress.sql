-- How far each occurrence has come, counted beside the waves, so that no page ever reads attempts. Everything here can be counted anew.
CREATE TABLE outcamp.progress (
    occurrence_id bigint PRIMARY KEY REFERENCES outcamp.occurrences,
    campaign_id   integer NOT NULL,
    as_of         timestamptz NOT NULL,                      -- the instant that the numbers are true for
    considered    bigint NOT NULL,                           -- people of the segment who got their first verdict
    entered       bigint NOT NULL,
    inside        bigint NOT NULL,                           -- entries that are open
    contacted     bigint NOT NULL,                           -- people with a submission, on whatever channel
    reached       bigint NOT NULL,                           -- people with an attempt that ended well
    sent          bigint NOT NULL,                           -- submissions
    delivered     bigint NOT NULL,                           -- those that ended well
    doubts        bigint NOT NULL,                           -- those that are unknown: a truth may still come
    settled       boolean NOT NULL,                          -- nothing is in flight: only a doubt can change any more
    funnel        jsonb NOT NULL,                            -- [verdict, reason, people] of the occurrence's own wave
    exits         jsonb NOT NULL,                            -- [reason, people]
    outcomes      jsonb NOT NULL,                            -- [attempt, channel, outcome, attempts]
    hours         jsonb NOT NULL,                            -- [hour in seconds since 1970, channel, submissions]
    counted_at    timestamptz NOT NULL,                      -- by the database's clock: how long to leave it alone
    took          interval NOT NULL
);

-- The sums of a campaign, without reading the lists.
CREATE INDEX progress_of_campaign ON outcamp.progress (campaign_id) INCLUDE (sent, delivered, as_of);
