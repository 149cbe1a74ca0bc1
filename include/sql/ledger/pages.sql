-- What the pages in Airflow's UI ask. No query here reads attempts or entries of a campaign, but for refresh-progress, which waves and the pulse run.

-- name: progress-to-refresh
-- Occurrences whose numbers may have changed. Counting takes a bounded share of the time, whatever an occurrence holds: one that was just
-- counted is left alone for a while. Of one that is settled only a doubt can change, so it is looked at once an hour.
SELECT o.occurrence_id
FROM outcamp.campaigns c
JOIN outcamp.occurrences o USING (campaign_id)
LEFT JOIN outcamp.progress p USING (occurrence_id)
WHERE (%(campaign)s::text IS NULL OR c.name = %(campaign)s)
  AND (p.occurrence_id IS NULL
       OR (NOT p.settled OR p.doubts > 0 AND p.counted_at < clock_timestamp() - interval '1 hour')
          AND p.counted_at + p.took * %(rests)s::float < clock_timestamp())
ORDER BY p.counted_at NULLS FIRST, o.occurrence_id;

-- name: try-lock-progress
-- Several waves of a campaign end at once: one of them counts, the others go on.
SELECT pg_try_advisory_xact_lock(hashtextextended('outcamp.progress', %(occurrence_id)s));

-- name: refresh-progress
-- One snapshot of everything that an occurrence has come to. It walks the occurrence's keys twice, in their order.
INSERT INTO outcamp.progress
SELECT o.occurrence_id, o.campaign_id, %(now)s, decided.considered, people.entered, people.inside, went.contacted, went.reached,
       sums.sent, sums.delivered, sums.doubts,
       o.closed_at IS NOT NULL AND people.inside = 0 AND sums.in_flight = 0
       AND NOT EXISTS (SELECT FROM outcamp.deferred d WHERE d.campaign_id = o.campaign_id AND d.occurrence_id = o.occurrence_id),
       decided.funnel, people.exits, sums.outcomes, sums.hours, clock_timestamp(), clock_timestamp() - statement_timestamp()
FROM outcamp.occurrences o
CROSS JOIN LATERAL (
    SELECT coalesce(sum(people), 0) AS considered, coalesce(jsonb_agg(jsonb_build_array(verdict, reason, people) ORDER BY verdict, reason), '[]') AS funnel
    FROM (SELECT line ->> 0 AS verdict, line ->> 1 AS reason, sum((line ->> 2)::bigint)::bigint AS people
          FROM outcamp.waves w
          JOIN outcamp.parts p ON p.wave_id = w.wave_id AND p.step = 'filter'
          CROSS JOIN LATERAL jsonb_array_elements(p.funnel) AS line
          WHERE w.campaign_id = o.campaign_id AND w.run = o.run
          GROUP BY 1, 2) AS lines
) AS decided
CROSS JOIN LATERAL (
    SELECT coalesce(sum(people), 0) AS entered, coalesce(sum(people) FILTER (WHERE reason IS NULL), 0) AS inside,
           coalesce(jsonb_agg(jsonb_build_array(reason, people) ORDER BY reason) FILTER (WHERE reason IS NOT NULL), '[]') AS exits
    FROM (SELECT exit_reason AS reason, count(*) AS people FROM outcamp.entries WHERE occurrence_id = o.occurrence_id GROUP BY 1) AS by_reason
) AS people
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE submitted) AS contacted, count(*) FILTER (WHERE ended_well) AS reached
    FROM (SELECT bool_or(submitted_at IS NOT NULL) AS submitted, bool_or(disposition = ANY(%(ends_well)s)) AS ended_well
          FROM outcamp.all_attempts WHERE occurrence_id = o.occurrence_id GROUP BY recipient_id) AS by_person
) AS went
CROSS JOIN LATERAL (
    WITH counted AS MATERIALIZED (
        SELECT attempt, channel, date_trunc('hour', submitted_at, 'UTC') AS hour,
               coalesce(disposition, CASE WHEN state = 'sent' THEN 'awaiting' WHEN state = 'waiting' THEN 'waiting'
                                          WHEN state = 'closed' THEN 'not_sent' ELSE 'in_hand' END) AS outcome, count(*) AS attempts
        FROM outcamp.all_attempts WHERE occurrence_id = o.occurrence_id GROUP BY 1, 2, 3, 4
    )
    SELECT coalesce(sum(attempts) FILTER (WHERE hour IS NOT NULL), 0) AS sent,
           coalesce(sum(attempts) FILTER (WHERE outcome = ANY(%(ends_well)s)), 0) AS delivered,
           coalesce(sum(attempts) FILTER (WHERE outcome = 'unknown'), 0) AS doubts,
           coalesce(sum(attempts) FILTER (WHERE outcome IN ('awaiting', 'waiting', 'in_hand')), 0) AS in_flight,
           (SELECT coalesce(jsonb_agg(jsonb_build_array(attempt, channel, outcome, n) ORDER BY attempt, channel, outcome), '[]')
            FROM (SELECT attempt, channel, outcome, sum(attempts)::bigint AS n FROM counted GROUP BY 1, 2, 3) AS by_outcome) AS outcomes,
           (SELECT coalesce(jsonb_agg(jsonb_build_array(extract(epoch FROM hour)::bigint, channel, n) ORDER BY hour, channel), '[]')
            FROM (SELECT hour, channel, sum(attempts)::bigint AS n FROM counted WHERE hour IS NOT NULL GROUP BY 1, 2) AS by_hour) AS hours
    FROM counted
) AS sums
WHERE o.occurrence_id = %(occurrence_id)s
ON CONFLICT (occurrence_id) DO UPDATE
SET as_of = excluded.as_of, considered = excluded.considered, entered = excluded.entered, inside = excluded.inside,
    contacted = excluded.contacted, reached = excluded.reached, sent = excluded.sent, delivered = excluded.delivered,
    doubts = excluded.doubts, settled = excluded.settled, funnel = excluded.funnel, exits = excluded.exits,
    outcomes = excluded.outcomes, hours = excluded.hours, counted_at = excluded.counted_at, took = excluded.took;

-- name: campaigns-at-a-glance
-- Sums of all occurrences, and the newest occurrence, of every campaign or of one.
SELECT c.campaign_id, coalesce(sums.sent, 0)::bigint, coalesce(sums.delivered, 0)::bigint, sums.as_of, o.number, o.scheduled_at,
       p.considered, p.entered, p.inside, p.contacted, p.reached
FROM outcamp.campaigns c
LEFT JOIN LATERAL (SELECT sum(p.sent) AS sent, sum(p.delivered) AS delivered, max(p.as_of) AS as_of
                   FROM outcamp.progress p WHERE p.campaign_id = c.campaign_id) AS sums ON true
LEFT JOIN LATERAL (SELECT o.occurrence_id, o.number, o.scheduled_at FROM outcamp.occurrences o
                   WHERE o.campaign_id = c.campaign_id ORDER BY o.number DESC LIMIT 1) AS o ON true
LEFT JOIN outcamp.progress p ON p.occurrence_id = o.occurrence_id
WHERE %(campaign_id)s::int IS NULL OR c.campaign_id = %(campaign_id)s;

-- name: progress-of-campaign
-- What has been counted of a campaign, the newest occurrence first; a page shows so many.
SELECT o.number, o.scheduled_at, o.run, p.as_of, p.considered, p.entered, p.inside, p.contacted, p.reached, p.sent, p.delivered,
       p.funnel, p.exits, p.outcomes, p.hours
FROM outcamp.occurrences o LEFT JOIN outcamp.progress p USING (occurrence_id)
WHERE o.campaign_id = %(campaign_id)s ORDER BY o.number DESC LIMIT %(most)s;

-- name: newest-waves-of-campaign
-- The newest waves that considered anybody, with their sums, the newest first.
SELECT w.run, w.due_at, o.number, w.finished_at, sums.candidates, sums.sends
FROM outcamp.waves w LEFT JOIN outcamp.occurrences o USING (occurrence_id)
CROSS JOIN LATERAL (
    SELECT sum(p.rows)::bigint AS candidates,
           coalesce(sum((SELECT sum((line ->> 2)::bigint) FROM jsonb_array_elements(p.funnel) AS line WHERE line ->> 0 = 'send')), 0)::bigint AS sends
    FROM outcamp.parts p WHERE p.wave_id = w.wave_id AND p.step = 'filter') AS sums
WHERE w.campaign_id = %(campaign_id)s AND sums.candidates > 0
ORDER BY w.wave_id DESC LIMIT %(most)s;

-- name: wave-of-run
-- One wave by its run, with the sums of its batches.
SELECT w.wave_id, w.due_at, o.number, w.opened_at, w.fanned_out_at, w.finished_at,
       (SELECT count(*) FROM outcamp.batches b WHERE b.wave_id = w.wave_id),
       (SELECT count(*) FROM outcamp.batches b WHERE b.wave_id = w.wave_id AND b.token > 0)
FROM outcamp.waves w LEFT JOIN outcamp.occurrences o USING (occurrence_id)
WHERE w.campaign_id = %(campaign_id)s AND w.run = %(run)s;

-- name: counted-doubts
-- Once a pulse; a row for each occurrence.
SELECT coalesce(sum(doubts), 0)::bigint FROM outcamp.progress;
