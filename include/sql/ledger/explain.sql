-- Questions about one recipient of one campaign. Each is a look-up by the recipient, or by the hash bucket in the campaign's parts.

-- name: read-one-instant
-- A story and an audit are of one instant: whatever is committed meanwhile is not seen. Nothing is written.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;

-- name: parts-that-hold-bucket
-- Which files of the lake can hold the recipient. wave_at: the wave's own instant; the verdicts carry that of the decision.
SELECT w.wave_id, w.run, w.due_at, o.occurrence_id, o.number, p.step, p.part, p.files, p.decided_at
FROM outcamp.waves w
JOIN outcamp.parts p ON p.wave_id = w.wave_id AND %(bucket)s BETWEEN p.first_bucket AND p.last_bucket
LEFT JOIN outcamp.occurrences o USING (occurrence_id)
WHERE w.campaign_id = %(campaign_id)s
ORDER BY w.due_at, w.wave_id, p.part;

-- name: entries-of-recipient
-- Over the primary key of entries, once for each occurrence of the campaign.
SELECT o.number, e.entered_at, e.exited_at, e.exit_reason
FROM outcamp.occurrences o JOIN outcamp.entries e ON e.occurrence_id = o.occurrence_id AND e.recipient_id = %(recipient_id)s
WHERE o.campaign_id = %(campaign_id)s
ORDER BY o.number;

-- name: attempts-of-recipient
-- Over the primary key of attempts, as above.
SELECT o.number, a.attempt, a.state::text, a.channel, a.rule, a.wave_id, w.run, a.waits_for, a.due_at, a.submitted_at, a.deadline_at,
       a.disposed_at, a.disposition, a.counted_at
FROM outcamp.occurrences o JOIN outcamp.all_attempts a ON a.occurrence_id = o.occurrence_id AND a.recipient_id = %(recipient_id)s
LEFT JOIN outcamp.waves w ON w.wave_id = a.wave_id
WHERE o.campaign_id = %(campaign_id)s
ORDER BY o.number, a.attempt;

-- name: deferred-row-of-recipient
-- The occurrence that takes them in once their open entry exits.
SELECT o.number FROM outcamp.deferred d JOIN outcamp.occurrences o USING (occurrence_id)
WHERE d.campaign_id = %(campaign_id)s AND d.recipient_id = %(recipient_id)s;

-- name: contacts-of-recipient
-- What counts towards limits today, of any campaign; over the index of counted attempts.
SELECT a.counted_at, c.name, a.channel, c.ignores_total_limits
FROM outcamp.all_attempts a JOIN outcamp.campaigns c USING (campaign_id)
WHERE a.bucket = %(bucket)s AND a.recipient_id = %(recipient_id)s AND a.counted_at > %(after)s AND a.counted_at <= %(until)s
ORDER BY a.counted_at DESC;

-- name: suppressions-of-recipient
-- Their lines on the do-not-contact list as it is today.
SELECT DISTINCT s.kind, s.channel, s.reason, s.since
FROM unnest(%(kinds)s::text[], %(keys)s::text[]) AS k (kind, key)
JOIN outcamp.suppressions s ON s.kind = k.kind AND s.key = sha256(convert_to(k.key, 'UTF8'))
ORDER BY s.since, s.kind, s.channel;
