-- When the next message of a connection may go, as its campaigns' paces say: a row for each campaign, and one, without a name, for the connection.
CREATE TABLE outcamp.paces (
    transport      text COLLATE "C" NOT NULL,
    channel        text NOT NULL,
    campaign       text COLLATE "C" NOT NULL,
    per_second     double precision NOT NULL,
    free_at        timestamptz NOT NULL,
    promised_until timestamptz,                              -- turns up to here belong to rows that were handed back
    PRIMARY KEY (transport, channel, campaign)
) WITH (fillfactor = 50);                                    -- changed for every chunk, and never in its key

-- What has come back of a campaign's attempts since it began or somebody resumed it, where it has breakers.
CREATE TABLE outcamp.tallies (
    campaign_id integer NOT NULL REFERENCES outcamp.campaigns,
    channel     text NOT NULL,
    ended       bigint NOT NULL,                             -- outcomes, whatever they were
    failed      bigint NOT NULL,
    complained  bigint NOT NULL,
    PRIMARY KEY (campaign_id, channel)
) WITH (fillfactor = 50);

-- A breaker trips where no task fails: somebody has to be told of the Error all the same.
ALTER TABLE outcamp.campaigns ADD COLUMN error_told_at timestamptz;
