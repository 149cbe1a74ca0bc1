-- The do-not-contact list. What is kept is the SHA-256 of a recipient_id, or of an endpoint as the filter writes it: nobody can read the list back.

-- name: suppress
-- Who is on the list already stays on it as before, with the first reason and instant. In the order of the key, so that neighbours go to
-- neighbouring pages of the index: with blocks of some 500,000 lines that is twice as fast.
WITH added AS (
    INSERT INTO outcamp.suppressions (kind, key, channel, reason, since)
    SELECT s.kind, sha256(convert_to(s.value, 'UTF8')), s.channel, s.reason, %(at)s
    FROM unnest(%(kind)s::text[], %(value)s::text[], %(channel)s::text[], %(reason)s::text[]) AS s (kind, value, channel, reason)
    ORDER BY 2
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT count(*) FROM added;

-- name: suppress-by-outcome
-- What became of an attempt suppresses the endpoint that it went to, on its channel; where the person asked for it, the recipient as well.
WITH lines AS (
    SELECT DISTINCT ON (l.key, l.kind, a.channel) l.kind, l.key, a.channel, r.disposition
    FROM unnest(%(occurrence_id)s::bigint[], %(recipient_id)s::text[], %(attempt)s::smallint[], %(disposition)s::text[], %(asked)s::boolean[])
         AS r (occurrence_id, recipient_id, attempt, disposition, asked)
    JOIN outcamp.all_attempts a ON a.occurrence_id = r.occurrence_id AND a.recipient_id = r.recipient_id AND a.attempt = r.attempt
    CROSS JOIN LATERAL (VALUES ('endpoint', a.endpoint_key),
                               ('recipient', CASE WHEN r.asked THEN sha256(convert_to(a.recipient_id, 'UTF8')) END)) AS l (kind, key)
    WHERE l.key IS NOT NULL
    ORDER BY l.key, l.kind, a.channel
), added AS (
    INSERT INTO outcamp.suppressions (kind, key, channel, reason, since)
    SELECT kind, key, channel, disposition, %(at)s FROM lines ORDER BY key, kind, channel
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT count(*) FROM added;

-- name: unsuppress
-- Without a channel, every line of theirs goes.
WITH removed AS (
    DELETE FROM outcamp.suppressions
    WHERE kind = %(kind)s AND key = sha256(convert_to(%(value)s, 'UTF8'))
      AND (%(channel)s::text IS NULL OR channel = %(channel)s)
    RETURNING 1
)
SELECT count(*) FROM removed;

-- name: suppression-counts
-- It reads the whole list, which people ask for and no wave does.
SELECT kind, channel, reason, count(*), min(since), max(since) FROM outcamp.suppressions GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3;

-- name: newest-suppressions
-- The lines that were added last, for people to look at; or those of one recipient or endpoint.
SELECT kind, encode(key, 'hex'), channel, reason, since FROM outcamp.suppressions
WHERE %(value)s::text IS NULL OR (kind = %(kind)s AND key = sha256(convert_to(%(value)s, 'UTF8')))
ORDER BY since DESC, key LIMIT %(most)s;
