-- The ledger: what was decided, attempted and became of it. The one source of truth for occurrences, entries, limits and submissions.
-- Text keys compare by bytes (COLLATE "C"): the order of the files, of the locks and of the indexes is the same one.
CREATE SCHEMA IF NOT EXISTS outcamp;

CREATE TYPE outcamp.attempt_state AS ENUM ('waiting', 'claimed', 'submitting', 'sent', 'closed');

CREATE TABLE outcamp.campaigns (
    campaign_id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name                 text COLLATE "C" NOT NULL UNIQUE,   -- never used twice, even after delete
    seal                 text NOT NULL,                      -- the manifest's SHA-256: other settings under this name are refused
    published_at         timestamptz NOT NULL,
    expires_at           timestamptz,
    final_occurrence_at  timestamptz,                        -- the last one that the schedule has; null: endless
    ignores_total_limits boolean NOT NULL,
    stopped_at           timestamptz,
    deleted_at           timestamptz,
    error_at             timestamptz,
    error_reason         text
);

CREATE TABLE outcamp.occurrences (
    occurrence_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign_id   integer NOT NULL REFERENCES outcamp.campaigns,
    scheduled_at  timestamptz NOT NULL,
    number        integer NOT NULL,                          -- 0, 1, 2 ... in order of time
    run           text COLLATE "C" NOT NULL,                 -- the run key under which its snapshot lies in the lake
    opened_at     timestamptz NOT NULL,
    closed_at     timestamptz,                               -- every candidate has its verdict
    UNIQUE (campaign_id, scheduled_at),
    UNIQUE (campaign_id, number)
);

CREATE TABLE outcamp.waves (
    wave_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign_id   integer NOT NULL REFERENCES outcamp.campaigns,
    run           text COLLATE "C" NOT NULL,
    due_at        timestamptz NOT NULL,
    occurrence_id bigint REFERENCES outcamp.occurrences,     -- null: a wave of due attempts
    opened_at     timestamptz NOT NULL,
    fanned_out_at timestamptz,
    finished_at   timestamptz,
    UNIQUE (campaign_id, run)
);

-- A part's file is complete before the transaction that names its hash commits; who finds the row only finishes the rename.
CREATE TABLE outcamp.parts (
    wave_id      bigint NOT NULL REFERENCES outcamp.waves,
    step         text NOT NULL CHECK (step IN ('snapshot', 'filter')),
    part         smallint NOT NULL,
    first_bucket smallint NOT NULL,
    last_bucket  smallint NOT NULL,
    rows         integer NOT NULL,
    files        jsonb NOT NULL,                             -- the part's files: dataset, name, SHA-256, rows
    funnel       jsonb NOT NULL,                             -- rows by verdict and reason
    decided_at   timestamptz NOT NULL,
    PRIMARY KEY (wave_id, step, part)
);

CREATE TABLE outcamp.batches (
    wave_id     bigint NOT NULL REFERENCES outcamp.waves,
    batch       integer NOT NULL,
    part        smallint NOT NULL,
    row_group   integer NOT NULL,
    rows        integer NOT NULL,
    token       integer NOT NULL DEFAULT 0,                  -- fences off earlier tries: only the newest try moves rows
    PRIMARY KEY (wave_id, batch)
);

CREATE TABLE outcamp.entries (
    occurrence_id bigint NOT NULL,
    recipient_id  text COLLATE "C" NOT NULL,
    campaign_id   integer NOT NULL,
    bucket        smallint NOT NULL,
    part          smallint NOT NULL,                         -- the snapshot part that holds the recipient's columns
    entered_at    timestamptz NOT NULL,                      -- the instant of the wave that admitted
    exited_at     timestamptz,
    exit_reason   text,
    PRIMARY KEY (occurrence_id, recipient_id)
) WITH (fillfactor = 90);

CREATE UNIQUE INDEX one_open_entry ON outcamp.entries (campaign_id, recipient_id) WHERE exited_at IS NULL;

CREATE TABLE outcamp.attempts (
    occurrence_id bigint NOT NULL,
    recipient_id  text COLLATE "C" NOT NULL,
    attempt       smallint NOT NULL,
    campaign_id   integer NOT NULL,
    bucket        smallint NOT NULL,
    rule          smallint,                                  -- the reattempt rule that made it; null for the first
    batch         integer,                                   -- with token: the try that submitted it
    token         integer,
    wave_id       bigint,
    state         outcamp.attempt_state NOT NULL,
    channel       text NOT NULL,
    waits_for     text,                                      -- why it waits: window_closed, over_limit, waiting_to_reattempt
    due_at        timestamptz NOT NULL,
    submitted_at  timestamptz,
    counted_at    timestamptz,                               -- null: does not count towards limits
    deadline_at   timestamptz,                               -- an outcome that has not come by then is no_outcome
    disposed_at   timestamptz,
    disposition   text,
    message_id    text,
    PRIMARY KEY (occurrence_id, recipient_id, attempt)
) WITH (fillfactor = 80);

-- Limits: a recipient's counted communications, of any campaign, newest first.
CREATE INDEX attempts_counted ON outcamp.attempts (recipient_id, counted_at) INCLUDE (campaign_id) WHERE counted_at IS NOT NULL;
-- The three partial indexes below hold only rows in flight, whatever the size of the history.
CREATE INDEX attempts_waiting ON outcamp.attempts (campaign_id, due_at) WHERE state = 'waiting';
CREATE INDEX attempts_claimed ON outcamp.attempts (wave_id, bucket) WHERE state IN ('claimed', 'submitting');
CREATE INDEX attempts_awaiting ON outcamp.attempts (campaign_id, deadline_at) WHERE state = 'sent';

-- Rows of an occurrence that wait until the recipient's open entry exits (while_active: defer).
CREATE TABLE outcamp.deferred (
    campaign_id   integer NOT NULL,
    recipient_id  text COLLATE "C" NOT NULL,
    occurrence_id bigint NOT NULL,
    bucket        smallint NOT NULL,
    part          smallint NOT NULL,
    wave_id       bigint,                                    -- the wave that is deciding it; null: nobody
    PRIMARY KEY (campaign_id, recipient_id)
);

-- The do-not-contact list. Endpoints are kept as SHA-256 of their normalised form; channel '' means every channel.
CREATE TABLE outcamp.suppressions (
    kind    text NOT NULL CHECK (kind IN ('recipient', 'endpoint')),
    key     bytea NOT NULL,
    channel text NOT NULL,
    reason  text NOT NULL,
    since   timestamptz NOT NULL,
    PRIMARY KEY (key, kind, channel)
);

CREATE TABLE outcamp.events_not_matched (
    event_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_at timestamptz NOT NULL,
    reason      text NOT NULL,
    event       jsonb NOT NULL,
    fingerprint bytea NOT NULL UNIQUE                        -- the same event is kept once, however often it comes
);
