-- name: lock-buckets
-- Taken in order and in a statement of its own, before anything is counted: who waited here then sees what the others wrote.
-- The first key is the campaign for decisions about its entries, and 0 for submissions, which limits tie across campaigns. Whoever stands
-- still while others wait for these, a frozen machine, loses the transaction after five minutes.
SELECT set_config('idle_in_transaction_session_timeout', '5min', true), pg_advisory_xact_lock(%(scope)s, bucket) FROM unnest(%(buckets)s::int[]) AS bucket;

-- name: standing
-- What the ledger knows of candidates: is an entry open, are they suppressed.
SELECT array_agg(is_open ORDER BY row_no), array_agg(is_suppressed ORDER BY row_no)
FROM (
    SELECT c.row_no,
           c.is_new AND EXISTS (SELECT FROM outcamp.entries e
                                WHERE e.campaign_id = %(campaign_id)s AND e.recipient_id = c.recipient_id
                                  AND e.exited_at IS NULL) AS is_open,
           EXISTS (SELECT FROM outcamp.suppressions)
               AND (EXISTS (SELECT FROM outcamp.suppressions s WHERE s.kind = 'recipient' AND s.channel IN ('', c.channel)
                            AND s.key = sha256(convert_to(c.recipient_id, 'UTF8')))
                    OR EXISTS (SELECT FROM outcamp.suppressions s WHERE s.kind = 'endpoint' AND s.channel IN ('', c.channel)
                               AND s.key = sha256(convert_to(c.endpoint, 'UTF8')))) AS is_suppressed
    FROM unnest(%(recipient_id)s::text[], %(is_new)s::boolean[], %(endpoint)s::text[], %(channel)s::text[])
         WITH ORDINALITY AS c (recipient_id, is_new, endpoint, channel, row_no)
) AS known;

-- name: entries-so-far
-- How often candidates entered the campaign, and when last; asked only where entries are limited.
-- The campaign's occurrences lead into the primary key of entries; no index of its own is needed.
SELECT array_agg(entries ORDER BY row_no), array_agg(last_entered_at ORDER BY row_no)
FROM (
    SELECT c.row_no, count(e.entered_at) AS entries, max(e.entered_at) AS last_entered_at
    FROM unnest(%(recipient_id)s::text[]) WITH ORDINALITY AS c (recipient_id, row_no)
    CROSS JOIN outcamp.occurrences o
    LEFT JOIN outcamp.entries e ON e.occurrence_id = o.occurrence_id AND e.recipient_id = c.recipient_id
    WHERE o.campaign_id = %(campaign_id)s
    GROUP BY c.row_no
) AS known;

-- name: any-suppressed
-- An empty list is the usual case, and saves a look-up for each candidate.
SELECT EXISTS (SELECT FROM outcamp.suppressions);

-- name: over-limits
-- For each candidate that is over a limit, its position and the instant at which the last of its broken limits frees.
-- A limit {count, within} is broken iff the count-th newest counted communication is later than now - within; it frees at that one + within.
-- Later than now counts as well: the clock may have been set back since, and another machine's may be ahead.
-- Total limits leave out the campaigns that ignore them. Candidates come in the order of the index, one after the other.
-- The plan in filter and the binding check before a submission are this one statement.
SELECT c.row_no - 1, broken.free_at
FROM unnest(%(bucket)s::smallint[], %(recipient_id)s::text[]) WITH ORDINALITY AS c (bucket, recipient_id, row_no)
CROSS JOIN LATERAL (
    SELECT max(nth.counted_at + l.within) AS free_at
    FROM unnest(%(counts)s::int[], %(withins)s::interval[], %(totals)s::boolean[]) AS l (count, within, total)
    CROSS JOIN LATERAL (
        SELECT a.counted_at FROM outcamp.attempts a
        WHERE a.bucket = c.bucket AND a.recipient_id = c.recipient_id AND a.counted_at > %(now)s - l.within
          AND (%(all_campaigns)s OR a.campaign_id = ANY(%(live)s))
          AND NOT (l.total AND a.campaign_id = ANY(%(outside_total)s))
        ORDER BY a.counted_at DESC OFFSET l.count - 1 LIMIT 1) AS nth
) AS broken
WHERE broken.free_at IS NOT NULL
ORDER BY c.row_no;

-- name: over-limits-ever
-- The same where a limit looks back beyond what has been moved to past_attempts: word for word, over both tables.
SELECT c.row_no - 1, broken.free_at
FROM unnest(%(bucket)s::smallint[], %(recipient_id)s::text[]) WITH ORDINALITY AS c (bucket, recipient_id, row_no)
CROSS JOIN LATERAL (
    SELECT max(nth.counted_at + l.within) AS free_at
    FROM unnest(%(counts)s::int[], %(withins)s::interval[], %(totals)s::boolean[]) AS l (count, within, total)
    CROSS JOIN LATERAL (
        SELECT a.counted_at FROM outcamp.all_attempts a
        WHERE a.bucket = c.bucket AND a.recipient_id = c.recipient_id AND a.counted_at > %(now)s - l.within
          AND (%(all_campaigns)s OR a.campaign_id = ANY(%(live)s))
          AND NOT (l.total AND a.campaign_id = ANY(%(outside_total)s))
        ORDER BY a.counted_at DESC OFFSET l.count - 1 LIMIT 1) AS nth
) AS broken
WHERE broken.free_at IS NOT NULL
ORDER BY c.row_no;

-- name: admit
-- New recipients that are sent to or wait: their entries open, with a first attempt.
WITH v AS MATERIALIZED (
    SELECT * FROM unnest(%(occurrence_id)s::bigint[], %(recipient_id)s::text[], %(bucket)s::smallint[], %(part)s::smallint[],
                         %(channel)s::text[], %(verdict)s::text[], %(reason)s::text[], %(due_at)s::timestamptz[])
             AS v (occurrence_id, recipient_id, bucket, part, channel, verdict, reason, due_at)
), entered AS (
    INSERT INTO outcamp.entries (occurrence_id, recipient_id, campaign_id, bucket, part, entered_at)
    SELECT occurrence_id, recipient_id, %(campaign_id)s, bucket, part, %(entered_at)s FROM v
)
INSERT INTO outcamp.attempts (occurrence_id, recipient_id, attempt, campaign_id, bucket, wave_id, state, channel, waits_for, due_at)
SELECT occurrence_id, recipient_id, 1, %(campaign_id)s, bucket,
       CASE verdict WHEN 'send' THEN %(wave_id)s END,
       CASE verdict WHEN 'send' THEN 'claimed' ELSE 'waiting' END::outcamp.attempt_state,
       channel, reason, coalesce(due_at, %(now)s)
FROM v;

-- name: put-off
-- Due attempts that are not sent now: they wait again, or end their entry. Those to send stay claimed as they are.
-- Only rows that this wave still holds: what was given back or stopped meanwhile is somebody else's.
WITH moved AS (
    UPDATE outcamp.attempts a
    SET wave_id = NULL,
        state = CASE v.verdict WHEN 'later' THEN 'waiting' ELSE 'closed' END::outcamp.attempt_state,
        waits_for = v.reason,
        due_at = coalesce(v.due_at, a.due_at)
    FROM (SELECT *, %(wave_id)s::bigint AS wave_id, 'claimed' AS held
          FROM unnest(%(occurrence_id)s::bigint[], %(recipient_id)s::text[], %(attempt)s::smallint[],
                      %(verdict)s::text[], %(reason)s::text[], %(due_at)s::timestamptz[])
               AS v (occurrence_id, recipient_id, attempt, verdict, reason, due_at)
          OFFSET 0) AS v  -- see send.sql
    WHERE a.occurrence_id = v.occurrence_id AND a.recipient_id = v.recipient_id AND a.attempt = v.attempt
      AND a.state::text = v.held AND a.wave_id = v.wave_id
    RETURNING a.occurrence_id, a.recipient_id, a.state, v.reason
)
UPDATE outcamp.entries e SET exited_at = %(now)s, exit_reason = m.reason
FROM moved m
WHERE m.state = 'closed' AND e.occurrence_id = m.occurrence_id AND e.recipient_id = m.recipient_id AND e.exited_at IS NULL;

-- name: forget-deferred
-- A deferred row is gone once a wave has decided it, or a newer occurrence has the same recipient.
DELETE FROM outcamp.deferred d
USING unnest(%(occurrence_id)s::bigint[], %(recipient_id)s::text[]) AS v (occurrence_id, recipient_id)
WHERE d.campaign_id = %(campaign_id)s AND d.recipient_id = v.recipient_id AND d.occurrence_id <= v.occurrence_id;

-- name: defer-rows
-- A row that is there already is a newer occurrence's, and stays.
INSERT INTO outcamp.deferred (campaign_id, recipient_id, occurrence_id, bucket, part)
SELECT %(campaign_id)s, v.recipient_id, v.occurrence_id, v.bucket, v.part
FROM unnest(%(occurrence_id)s::bigint[], %(recipient_id)s::text[], %(bucket)s::smallint[], %(part)s::smallint[])
     AS v (occurrence_id, recipient_id, bucket, part)
ON CONFLICT (campaign_id, recipient_id) DO NOTHING;
