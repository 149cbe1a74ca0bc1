-- Questions of people about a campaign as a whole. They read the campaign's rows, so they are never asked by a wave.

-- name: campaign-facts
-- live: the same rule as in live-campaigns, without the expiry, which is compared apart.
SELECT c.campaign_id, c.name, c.published_at, c.expires_at, c.final_occurrence_at, c.stopped_at, c.deleted_at, c.error_at, c.error_reason,
       c.final_occurrence_at IS NULL
       OR NOT EXISTS (SELECT FROM outcamp.occurrences o
                      WHERE o.campaign_id = c.campaign_id AND o.scheduled_at >= c.final_occurrence_at AND o.closed_at IS NOT NULL)
       OR EXISTS (SELECT FROM outcamp.occurrences o WHERE o.campaign_id = c.campaign_id AND o.closed_at IS NULL)
       OR EXISTS (SELECT FROM outcamp.deferred d WHERE d.campaign_id = c.campaign_id)
       OR EXISTS (SELECT FROM outcamp.entries e WHERE e.campaign_id = c.campaign_id AND e.exited_at IS NULL)
FROM outcamp.campaigns c
WHERE c.published_at <= %(now)s AND (%(name)s::text IS NULL OR c.name = %(name)s)
ORDER BY c.name;

-- name: wave-counts
-- Waves that considered anybody; a wave that found nothing due has no parts.
SELECT (SELECT count(*) FROM outcamp.occurrences WHERE campaign_id = %(campaign_id)s),
       count(DISTINCT w.wave_id), coalesce(sum(p.rows), 0)
FROM outcamp.waves w JOIN outcamp.parts p ON p.wave_id = w.wave_id AND p.step = 'filter' AND p.rows > 0
WHERE w.campaign_id = %(campaign_id)s;

-- name: funnel-of-campaign
-- Every verdict of every wave, by reason.
SELECT line ->> 0 AS verdict, line ->> 1 AS reason, sum((line ->> 2)::bigint)::bigint
FROM outcamp.waves w
JOIN outcamp.parts p ON p.wave_id = w.wave_id AND p.step = 'filter'
CROSS JOIN LATERAL jsonb_array_elements(p.funnel) AS line
WHERE w.campaign_id = %(campaign_id)s
GROUP BY 1, 2 ORDER BY 1, 2;

-- name: attempts-by-state
-- How far the campaign is, for people; it reads all attempts of the campaign.
SELECT a.state::text, count(*), count(a.submitted_at)
FROM outcamp.occurrences o JOIN outcamp.all_attempts a USING (occurrence_id)
WHERE o.campaign_id = %(campaign_id)s GROUP BY 1;

-- name: open-entries
-- Over the partial index of open entries.
SELECT count(*) FROM outcamp.entries WHERE campaign_id = %(campaign_id)s AND exited_at IS NULL;

-- name: dispositions-of-campaign
-- What became of everything that was submitted; an empty disposition is one that has not come yet.
SELECT a.channel, coalesce(a.disposition, ''), count(*)
FROM outcamp.occurrences o JOIN outcamp.all_attempts a USING (occurrence_id)
WHERE o.campaign_id = %(campaign_id)s AND a.submitted_at IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2;

-- name: waves-of-campaign
-- Waves that considered anybody, in order of time.
SELECT w.run, w.due_at, o.number, sum(p.rows)::bigint,
       coalesce(sum((SELECT sum((line ->> 2)::bigint) FROM jsonb_array_elements(p.funnel) AS line WHERE line ->> 0 = 'send')), 0)::bigint
FROM outcamp.campaigns c
JOIN outcamp.waves w USING (campaign_id)
JOIN outcamp.parts p ON p.wave_id = w.wave_id AND p.step = 'filter' AND p.rows > 0
LEFT JOIN outcamp.occurrences o USING (occurrence_id)
WHERE c.name = %(campaign)s
GROUP BY w.wave_id, w.run, w.due_at, o.number ORDER BY w.due_at, w.wave_id;
