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
