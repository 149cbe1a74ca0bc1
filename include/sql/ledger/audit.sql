-- Does what stands in the books keep the promise? These queries share nothing with those that decide and send, so that one mistake is not made
-- twice. Each check answers with lines for people, the first %(most)s of them, and how many there are.

-- name: plan-freely
-- An audit reads whole tables, for which the plans of keep-to-plan are the wrong ones; until the transaction ends.
SELECT set_config(name, 'on', true) FROM unnest(ARRAY['enable_seqscan', 'enable_bitmapscan', 'enable_hashjoin', 'enable_mergejoin']) AS name;

-- name: audited-campaigns
-- A name with a slash is history that was loaded from elsewhere: it counts towards limits and has no entries of its own.
SELECT campaign_id, name, seal, expires_at, stopped_at, deleted_at FROM outcamp.campaigns WHERE name NOT LIKE '%%/%%' AND seal <> %(history)s ORDER BY name;

-- name: audit-no-entry
-- Every attempt belongs to an entry.
SELECT count(*) OVER (), 'occurrence ' || o.number || ', recipient ' || a.recipient_id || ', attempt ' || a.attempt
FROM outcamp.all_attempts a JOIN outcamp.occurrences o USING (occurrence_id)
LEFT JOIN outcamp.entries e USING (occurrence_id, recipient_id)
WHERE a.campaign_id = %(campaign_id)s AND e.recipient_id IS NULL
ORDER BY 2 LIMIT %(most)s;

-- name: audit-numbering
-- The attempts of an entry are 1, 2, 3 ..., and only the last one may be alive.
SELECT count(*) OVER (), 'occurrence ' || o.number || ', recipient ' || a.recipient_id || ': attempts ' || a.attempts || ', ' || a.alive || ' alive'
FROM (SELECT occurrence_id, recipient_id, string_agg(attempt::text, ' ' ORDER BY attempt) AS attempts,
             count(*) FILTER (WHERE state <> 'closed') AS alive, count(*) AS number, max(attempt) AS newest
      FROM outcamp.all_attempts WHERE campaign_id = %(campaign_id)s GROUP BY 1, 2) AS a
JOIN outcamp.occurrences o USING (occurrence_id)
WHERE a.newest <> a.number OR a.alive > 1
ORDER BY 2 LIMIT %(most)s;

-- name: audit-waits-for-nothing
-- An open entry has an attempt that waits, is in a wave's hands, or has a deadline for its outcome.
SELECT count(*) OVER (), 'occurrence ' || o.number || ', recipient ' || e.recipient_id
FROM outcamp.entries e JOIN outcamp.occurrences o USING (occurrence_id)
WHERE e.campaign_id = %(campaign_id)s AND e.exited_at IS NULL
  AND NOT EXISTS (SELECT FROM outcamp.attempts a WHERE a.occurrence_id = e.occurrence_id AND a.recipient_id = e.recipient_id
                  AND (a.state IN ('waiting', 'claimed', 'submitting') OR a.state = 'sent' AND a.deadline_at IS NOT NULL))
ORDER BY 2 LIMIT %(most)s;

-- name: audit-after-exit
-- Nothing is sent for an entry that is over; an outcome may still come for what was sent before.
SELECT count(*) OVER (), 'occurrence ' || o.number || ', recipient ' || a.recipient_id || ', attempt ' || a.attempt || ' is ' || a.state
FROM outcamp.attempts a JOIN outcamp.entries e USING (occurrence_id, recipient_id) JOIN outcamp.occurrences o USING (occurrence_id)
WHERE a.campaign_id = %(campaign_id)s AND a.state IN ('waiting', 'claimed') AND e.exited_at IS NOT NULL
ORDER BY 2 LIMIT %(most)s;

-- name: audit-dead-hands
-- What a wave holds it gives back at its end, or the next pulse does: so only after some patience is it lost.
SELECT count(*) OVER (), 'occurrence ' || o.number || ', recipient ' || a.recipient_id || ', attempt ' || a.attempt || ' is ' || a.state
       || coalesce(' by wave ' || w.run || ', which ended at ' || w.finished_at, ' by no wave')
FROM outcamp.attempts a JOIN outcamp.occurrences o USING (occurrence_id) LEFT JOIN outcamp.waves w USING (wave_id)
WHERE a.campaign_id = %(campaign_id)s AND a.state IN ('claimed', 'submitting') AND (w.wave_id IS NULL OR w.finished_at < %(before)s)
ORDER BY 2 LIMIT %(most)s;

-- name: audit-several-open
-- At most one entry of a recipient is open.
SELECT count(*) OVER (), 'recipient ' || recipient_id || ': ' || count(*) || ' open entries'
FROM outcamp.entries WHERE campaign_id = %(campaign_id)s AND exited_at IS NULL
GROUP BY recipient_id HAVING count(*) > 1
ORDER BY 2 LIMIT %(most)s;

-- name: audit-unknown-batch
-- Whatever was submitted was submitted by a try of a batch that the ledger knows.
SELECT count(*) OVER (), 'occurrence ' || o.number || ', recipient ' || a.recipient_id || ', attempt ' || a.attempt
       || ': wave ' || coalesce(a.wave_id::text, 'none') || ', batch ' || coalesce(a.batch::text, 'none')
FROM outcamp.all_attempts a JOIN outcamp.occurrences o USING (occurrence_id) LEFT JOIN outcamp.batches b USING (wave_id, batch)
WHERE a.campaign_id = %(campaign_id)s AND a.state IN ('submitting', 'sent', 'closed') AND a.submitted_at IS NOT NULL
  AND (b.batch IS NULL OR a.token IS NULL OR a.token > b.token)
ORDER BY 2 LIMIT %(most)s;

-- name: audit-out-of-time
-- Nothing goes at or after the expiry. A stop reads its instant and commits a moment later; a chunk in between has seen no stop.
SELECT count(*) OVER (), 'occurrence ' || o.number || ', recipient ' || a.recipient_id || ', attempt ' || a.attempt || ' at ' || a.submitted_at
       || ': ' || CASE WHEN a.submitted_at >= c.expires_at THEN 'expired' ELSE 'stopped' END || ' since '
       || CASE WHEN a.submitted_at >= c.expires_at THEN c.expires_at ELSE least(c.stopped_at, c.deleted_at) END
FROM outcamp.all_attempts a JOIN outcamp.campaigns c USING (campaign_id) JOIN outcamp.occurrences o USING (occurrence_id)
WHERE a.campaign_id = %(campaign_id)s
  AND (a.submitted_at >= c.expires_at OR a.submitted_at > least(c.stopped_at, c.deleted_at) + %(grace)s)
ORDER BY 2 LIMIT %(most)s;

-- name: audit-suppressed-recipients
-- Nobody is sent to after being put on the list by id.
SELECT count(*) OVER (), 'occurrence ' || o.number || ', recipient ' || a.recipient_id || ', attempt ' || a.attempt || ' at ' || a.submitted_at
       || ': suppressed since ' || s.since
FROM outcamp.all_attempts a JOIN outcamp.occurrences o USING (occurrence_id)
JOIN outcamp.suppressions s ON s.kind = 'recipient' AND s.key = sha256(convert_to(a.recipient_id, 'UTF8')) AND s.channel IN ('', a.channel)
WHERE a.campaign_id = %(campaign_id)s AND a.submitted_at > s.since + %(grace)s
ORDER BY 2 LIMIT %(most)s;

-- name: audit-suppressed-endpoints
-- The same for endpoints, which only the lake knows: given rows that a wave has submitted.
SELECT count(*) OVER (), 'occurrence ' || r.occurrence || ', recipient ' || r.recipient_id || ', attempt ' || r.attempt || ' at ' || r.submitted_at
       || ': endpoint suppressed since ' || s.since
FROM unnest(%(occurrence)s::int[], %(recipient_id)s::text[], %(attempt)s::smallint[], %(channel)s::text[], %(endpoint)s::text[],
            %(submitted_at)s::timestamptz[]) AS r (occurrence, recipient_id, attempt, channel, endpoint, submitted_at)
JOIN outcamp.suppressions s ON s.kind = 'endpoint' AND s.key = sha256(convert_to(r.endpoint, 'UTF8')) AND s.channel IN ('', r.channel)
WHERE r.submitted_at > s.since + %(grace)s
ORDER BY 2 LIMIT %(most)s;

-- name: audit-over-limits
-- Whenever something went that still counts, no limit was passed by what still counts. Another campaign's contacts count where it was certainly
-- live at that instant: before its last occurrence was decided, while an occurrence was open, or while somebody was in it.
WITH ends AS (
    SELECT campaign_id, final_occurrence_at, coalesce(least(stopped_at, deleted_at, expires_at), 'infinity') AS at FROM outcamp.campaigns
), spans AS MATERIALIZED (
    SELECT c.campaign_id, '-infinity'::timestamptz AS begin_at,
           least(c.at, (SELECT min(o.closed_at) FROM outcamp.occurrences o
                        WHERE o.campaign_id = c.campaign_id AND o.scheduled_at >= c.final_occurrence_at)) AS end_at
    FROM ends c
    UNION ALL
    SELECT o.campaign_id, o.opened_at, least(c.at, o.closed_at) FROM outcamp.occurrences o JOIN ends c USING (campaign_id)
    UNION ALL
    SELECT e.campaign_id, e.entered_at, least(c.at, max(coalesce(e.exited_at, 'infinity')))
    FROM outcamp.entries e JOIN ends c USING (campaign_id) GROUP BY e.campaign_id, e.entered_at, c.at
)
SELECT count(*) OVER (), 'recipient ' || a.recipient_id || ' at ' || a.counted_at || ': ' || seen.contacts || ' within ' || l.within
       || ', and the ' || CASE WHEN l.total THEN 'total ' ELSE '' END || 'limit is ' || l.count
FROM outcamp.all_attempts a
CROSS JOIN unnest(%(counts)s::int[], %(withins)s::interval[], %(totals)s::boolean[]) AS l (count, within, total)
CROSS JOIN LATERAL (
    SELECT count(*) AS contacts FROM outcamp.all_attempts b
    WHERE b.bucket = a.bucket AND b.recipient_id = a.recipient_id
      AND b.counted_at > a.counted_at - l.within AND b.counted_at <= a.counted_at
      AND NOT (l.total AND b.campaign_id IN (SELECT campaign_id FROM outcamp.campaigns WHERE ignores_total_limits))
      AND (b.campaign_id = a.campaign_id
           OR b.counted_at < a.counted_at
              AND (%(all_campaigns)s OR EXISTS (SELECT FROM spans s WHERE s.campaign_id = b.campaign_id
                                                AND s.begin_at <= a.counted_at AND a.counted_at < s.end_at)))
) AS seen
WHERE a.campaign_id = %(campaign_id)s AND a.counted_at IS NOT NULL AND seen.contacts > l.count
ORDER BY 2 LIMIT %(most)s;

-- name: audit-moved
-- What retention has moved is there, in one table only, and was over.
SELECT count(*) OVER (), line
FROM (
    SELECT 'occurrence ' || o.number || ': ' || r.moved || ' attempts were moved, and ' || there.attempts || ' are there' AS line
    FROM outcamp.retention r JOIN outcamp.occurrences o USING (occurrence_id)
    CROSS JOIN LATERAL (SELECT count(*) AS attempts FROM outcamp.past_attempts p WHERE p.occurrence_id = r.occurrence_id) AS there
    WHERE o.campaign_id = %(campaign_id)s AND r.moved <> there.attempts
    UNION ALL
    SELECT 'occurrence ' || o.number || ', recipient ' || p.recipient_id || ', attempt ' || p.attempt
           || CASE WHEN a.attempt IS NOT NULL THEN ' was moved, and is still there' ELSE ' was moved while it was not over' END
    FROM outcamp.past_attempts p JOIN outcamp.occurrences o USING (occurrence_id)
    LEFT JOIN outcamp.entries e USING (occurrence_id, recipient_id)
    LEFT JOIN outcamp.attempts a USING (occurrence_id, recipient_id, attempt)
    WHERE p.campaign_id = %(campaign_id)s AND (a.attempt IS NOT NULL OR p.state <> 'closed' OR e.recipient_id IS NOT NULL AND e.exited_at IS NULL)
) AS lines
ORDER BY 2 LIMIT %(most)s;

-- name: audited-waves
-- In order of time, with what tells whether they are over.
SELECT w.wave_id, w.run, w.occurrence_id IS NOT NULL, o.scheduled_at, w.fanned_out_at
FROM outcamp.waves w LEFT JOIN outcamp.occurrences o USING (occurrence_id)
WHERE w.campaign_id = %(campaign_id)s ORDER BY w.due_at, w.wave_id;

-- name: fates-of-verdicts
-- What became of the send verdicts of a part, in their order: nothing at all where the state is null.
SELECT a.state::text, a.wave_id = %(wave_id)s, a.submitted_at
FROM unnest(%(occurrence)s::int[], %(recipient_id)s::text[], %(attempt)s::smallint[])
     WITH ORDINALITY AS k (occurrence, recipient_id, attempt, row_no)
LEFT JOIN outcamp.occurrences o ON o.campaign_id = %(campaign_id)s AND o.number = k.occurrence
LEFT JOIN LATERAL (SELECT * FROM outcamp.all_attempts a
                   WHERE a.occurrence_id = o.occurrence_id AND a.recipient_id = k.recipient_id AND a.attempt = k.attempt LIMIT 1) AS a ON true
ORDER BY k.row_no;
