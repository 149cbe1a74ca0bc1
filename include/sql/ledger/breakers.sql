-- Breakers: counted in a transaction of its own after that of the outcomes, so that nobody who writes outcomes waits for anybody else. A crash
-- between the two loses a few outcomes of a count, which is no promise to anybody.

-- name: count-outcomes
-- Adds outcomes to the campaign's tallies, and returns those that changed.
INSERT INTO outcamp.tallies AS t (campaign_id, channel, ended, failed, complained)
SELECT %(campaign_id)s, a.channel, count(*),
       count(*) FILTER (WHERE a.channel || ' ' || r.disposition = ANY(%(failing)s)),
       count(*) FILTER (WHERE r.disposition = ANY(%(complaining)s))
FROM unnest(%(occurrence_id)s::bigint[], %(recipient_id)s::text[], %(attempt)s::smallint[], %(disposition)s::text[])
     AS r (occurrence_id, recipient_id, attempt, disposition)
JOIN outcamp.attempts a ON a.occurrence_id = r.occurrence_id AND a.recipient_id = r.recipient_id AND a.attempt = r.attempt
GROUP BY a.channel
ORDER BY a.channel
ON CONFLICT (campaign_id, channel) DO UPDATE
    SET ended = t.ended + excluded.ended, failed = t.failed + excluded.failed, complained = t.complained + excluded.complained
RETURNING channel, ended, failed, complained;

-- name: forget-tallies
-- Whoever resumes a campaign has looked: it is counted anew.
DELETE FROM outcamp.tallies WHERE campaign_id = %(campaign_id)s;
