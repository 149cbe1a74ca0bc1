-- Turns on a connection. Each is a statement's work: whoever waits for a turn holds no lock, and who dies while waiting has lost the turn alone.

-- name: lock-pace
-- One turn after the other, in a statement of its own: who waited then sees what the other one took. One key, so no bucket is meant. Who
-- stands still loses it, as with buckets.
SELECT set_config('idle_in_transaction_session_timeout', '5min', true), pg_advisory_xact_lock(hashtextextended(%(transport)s || ' ' || %(channel)s, 0));

-- name: take-turn
-- The first instant at which so many messages may go by the campaign's own pace, and by the connection's: the highest pace of the campaigns
-- that use it now. The turn is taken if it comes soon, and nothing is taken otherwise. A campaign that its own pace holds back takes none
-- before its time: the connection would stand idle until then.
WITH free AS (
    SELECT coalesce(max(free_at) FILTER (WHERE campaign = %(campaign)s), '-infinity') AS own,
           greatest(%(now)s::timestamptz, max(free_at) FILTER (WHERE campaign = '')) AS shared,
           greatest(%(per_second)s::double precision,
                    max(per_second) FILTER (WHERE campaign <> '' AND free_at > %(now)s::timestamptz - interval '1 hour')) AS fastest
    FROM outcamp.paces WHERE transport = %(transport)s AND channel = %(channel)s
), turn AS (
    SELECT greatest(own, shared) AS at, own <= shared AND shared <= %(now)s::timestamptz + %(soon)s::interval AS taken, fastest FROM free
), kept AS (
    INSERT INTO outcamp.paces AS p (transport, channel, campaign, per_second, free_at)
    SELECT %(transport)s, %(channel)s, row.campaign, row.per_second, turn.at + make_interval(secs => %(units)s / row.per_second)
    FROM turn, LATERAL (VALUES (%(campaign)s, %(per_second)s::double precision), ('', turn.fastest)) AS row (campaign, per_second)
    WHERE turn.taken
    ON CONFLICT (transport, channel, campaign) DO UPDATE SET per_second = excluded.per_second, free_at = excluded.free_at
)
SELECT at, taken FROM turn;

-- name: delay-turns
-- A chunk goes later than its turn was: the turns that nobody has taken yet come later by as much, or a second might hold too many.
UPDATE outcamp.paces SET free_at = free_at + %(late)s::interval
WHERE transport = %(transport)s AND channel = %(channel)s AND campaign IN ('', %(campaign)s);

-- name: promise-turns
-- What is handed back comes again when the pace gets to it: after whatever was promised before, and not all at once.
INSERT INTO outcamp.paces AS p (transport, channel, campaign, per_second, free_at, promised_until)
VALUES (%(transport)s, %(channel)s, %(campaign)s, %(per_second)s, %(now)s, %(at)s::timestamptz + %(takes)s::interval)
ON CONFLICT (transport, channel, campaign) DO UPDATE
    SET promised_until = greatest(p.promised_until, %(at)s::timestamptz) + %(takes)s::interval
RETURNING promised_until - %(takes)s::interval;
