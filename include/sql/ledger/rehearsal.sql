-- name: forget-at-crash
-- A rehearsal's ledger is thrown away: its large tables need no log.
ALTER TABLE outcamp.attempts SET UNLOGGED;
ALTER TABLE outcamp.entries SET UNLOGGED;

-- name: load-history-campaigns
-- A slash cannot be in a campaign's name, so nobody's real one is met.
INSERT INTO outcamp.campaigns (name, seal, published_at, ignores_total_limits, stopped_at)
SELECT campaign || CASE WHEN active THEN '/active' ELSE '/ended' END, 'history', min(contacted_at), false,
       CASE WHEN NOT active THEN max(contacted_at) END
FROM unnest(%(campaign)s::text[], %(contacted_at)s::timestamptz[], %(active)s::boolean[]) AS h (campaign, contacted_at, active)
GROUP BY campaign, active;

-- name: load-history-occurrences
-- Attempts hang on an occurrence; one for each campaign of the history is enough.
INSERT INTO outcamp.occurrences (campaign_id, scheduled_at, number, run, opened_at)
SELECT campaign_id, published_at, 0, 'history', published_at FROM outcamp.campaigns WHERE seal = 'history';

-- name: load-history-attempts
-- Several communications with one person are several attempts of one entry that is over. Those that are still to come count later.
INSERT INTO outcamp.attempts (occurrence_id, recipient_id, attempt, campaign_id, bucket, state, channel, due_at, submitted_at, counted_at)
SELECT o.occurrence_id, h.recipient_id,
       row_number() OVER (PARTITION BY o.occurrence_id, h.recipient_id ORDER BY h.contacted_at),
       c.campaign_id, h.bucket, 'closed', 'sms', h.contacted_at, h.contacted_at,
       CASE WHEN h.contacted_at <= %(at)s THEN h.contacted_at END
FROM unnest(%(recipient_id)s::text[], %(bucket)s::smallint[], %(campaign)s::text[], %(contacted_at)s::timestamptz[], %(active)s::boolean[])
     AS h (recipient_id, bucket, campaign, contacted_at, active)
JOIN outcamp.campaigns c ON c.name = h.campaign || CASE WHEN h.active THEN '/active' ELSE '/ended' END
JOIN outcamp.occurrences o USING (campaign_id);

-- name: history-has-come
-- What lay in the future when the history was loaded counts from its own instant on.
UPDATE outcamp.attempts SET counted_at = submitted_at
WHERE occurrence_id IN (SELECT o.occurrence_id FROM outcamp.occurrences o JOIN outcamp.campaigns c USING (campaign_id) WHERE c.seal = 'history')
  AND counted_at IS NULL AND submitted_at <= %(now)s;

-- name: load-suppressions
-- Hashed as the filter asks for them; a line that stands twice is one.
INSERT INTO outcamp.suppressions (kind, key, channel, reason, since)
SELECT l.kind, sha256(convert_to(l.value, 'UTF8')), s.channel, 'listed', %(at)s
FROM unnest(%(recipient_id)s::text[], %(endpoint)s::text[], %(channel)s::text[]) AS s (recipient_id, endpoint, channel),
     LATERAL (VALUES ('recipient', s.recipient_id), ('endpoint', s.endpoint)) AS l (kind, value)
WHERE l.value IS NOT NULL AND l.value <> ''
ON CONFLICT DO NOTHING;
