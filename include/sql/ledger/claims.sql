-- name: waves-holding-rows
-- Waves of the campaign that hold claimed rows; those that are no longer queued or running give them back.
SELECT w.wave_id, w.run FROM outcamp.waves w
WHERE w.campaign_id = %(campaign_id)s
  AND (EXISTS (SELECT FROM outcamp.attempts a WHERE a.wave_id = w.wave_id AND a.state IN ('claimed', 'submitting'))
       OR EXISTS (SELECT FROM outcamp.deferred d WHERE d.campaign_id = w.campaign_id AND d.wave_id = w.wave_id));

-- name: give-back-claims
-- Claimed rows of dead waves wait again, due as they were; whoever still holds a batch of them finds nothing to move.
UPDATE outcamp.attempts SET state = 'waiting', wave_id = NULL
WHERE wave_id = ANY(%(wave_ids)s) AND state = 'claimed';

-- name: give-back-deferred
-- The same for deferred rows.
UPDATE outcamp.deferred SET wave_id = NULL WHERE campaign_id = %(campaign_id)s AND wave_id = ANY(%(wave_ids)s);

-- name: doubt-submissions-of-waves
-- A row that a crash leaves in submitting may have been sent: it counts, and is not submitted again.
UPDATE outcamp.attempts a SET state = 'closed', disposition = 'unknown', disposed_at = %(now)s
WHERE wave_id = ANY(%(wave_ids)s) AND state = 'submitting'
RETURNING a.occurrence_id, a.recipient_id, a.attempt, a.disposition, a.disposed_at;

-- name: doubt-submissions-of-batch
-- What earlier tries of this batch left without an answer; their tokens are smaller, so this try's own rows are never doubted.
UPDATE outcamp.attempts a SET state = 'closed', disposition = 'unknown', disposed_at = %(now)s
WHERE wave_id = %(wave_id)s AND batch = %(batch)s AND state = 'submitting' AND token < %(token)s
RETURNING a.occurrence_id, a.recipient_id, a.attempt, a.disposition, a.disposed_at;

-- name: claim-due
-- At the expiry everything that waits is taken, so that everybody gets a last verdict. One bound, so that the index stops at it.
-- What belongs to an occurrence that nobody has approved is not due, in this statement and the others.
UPDATE outcamp.attempts SET state = 'claimed', wave_id = %(wave_id)s
WHERE campaign_id = %(campaign_id)s AND state = 'waiting'
  AND due_at <= CASE WHEN %(everything)s THEN 'infinity' ELSE %(now)s::timestamptz END
  AND occurrence_id <> ALL (ARRAY(SELECT occurrence_id FROM outcamp.occurrences WHERE campaign_id = %(campaign_id)s AND review = 'pending'));

-- name: claim-deferred
-- Only rows whose recipient is out of the campaign; the filter looks again under the bucket locks.
UPDATE outcamp.deferred d SET wave_id = %(wave_id)s
WHERE d.campaign_id = %(campaign_id)s AND d.wave_id IS NULL
  AND d.occurrence_id <> ALL (ARRAY(SELECT occurrence_id FROM outcamp.occurrences
                                    WHERE campaign_id = %(campaign_id)s AND review = 'pending'))
  AND (%(everything)s OR NOT EXISTS (SELECT FROM outcamp.entries e
                                     WHERE e.campaign_id = d.campaign_id AND e.recipient_id = d.recipient_id AND e.exited_at IS NULL));

-- name: claimed-by-bucket
-- How many rows each bucket holds, so that parts can be cut to a bounded size.
SELECT bucket, count(*) FROM (
    SELECT bucket FROM outcamp.attempts WHERE wave_id = %(wave_id)s AND state = 'claimed'
    UNION ALL
    SELECT bucket FROM outcamp.deferred WHERE campaign_id = %(campaign_id)s AND wave_id = %(wave_id)s) AS claimed
GROUP BY bucket ORDER BY bucket;

-- name: claimed
-- What a part of a wave has to decide: its due attempts, and deferred rows as new recipients.
SELECT a.occurrence_id, a.recipient_id, a.attempt, a.bucket, e.part, a.channel, false AS is_new
FROM outcamp.attempts a JOIN outcamp.entries e USING (occurrence_id, recipient_id)
WHERE a.wave_id = %(wave_id)s AND a.state = 'claimed' AND a.bucket BETWEEN %(first_bucket)s AND %(last_bucket)s
UNION ALL
SELECT d.occurrence_id, d.recipient_id, 1, d.bucket, d.part, %(channel)s, true
FROM outcamp.deferred d
WHERE d.campaign_id = %(campaign_id)s AND d.wave_id = %(wave_id)s AND d.bucket BETWEEN %(first_bucket)s AND %(last_bucket)s;

-- name: next-due
-- The next moment at which the campaign has anything to do, by cause. OFFSET 0 keeps the look-up of each deferred row's entry one.
WITH unanswered AS (SELECT ARRAY(SELECT occurrence_id FROM outcamp.occurrences
                                 WHERE campaign_id = %(campaign_id)s AND review = 'pending') AS ids)
SELECT (SELECT min(due_at) FROM outcamp.attempts
        WHERE campaign_id = %(campaign_id)s AND state = 'waiting'
          AND occurrence_id <> ALL ((SELECT ids FROM unanswered)::bigint[])) AS waiting,
       (SELECT min(deadline_at) FROM outcamp.attempts
        WHERE campaign_id = %(campaign_id)s AND state = 'sent') AS deadline,
       EXISTS (SELECT FROM outcamp.deferred d
               WHERE d.campaign_id = %(campaign_id)s AND d.wave_id IS NULL
                 AND d.occurrence_id <> ALL ((SELECT ids FROM unanswered)::bigint[])
                 AND NOT EXISTS (SELECT FROM outcamp.entries e WHERE e.campaign_id = d.campaign_id
                                 AND e.recipient_id = d.recipient_id AND e.exited_at IS NULL OFFSET 0)) AS deferred_is_free,
       CASE WHEN EXISTS (SELECT FROM outcamp.entries WHERE campaign_id = %(campaign_id)s AND exited_at IS NULL)
              OR EXISTS (SELECT FROM outcamp.deferred WHERE campaign_id = %(campaign_id)s)
            THEN (SELECT expires_at FROM outcamp.campaigns WHERE campaign_id = %(campaign_id)s) END AS expiry;
