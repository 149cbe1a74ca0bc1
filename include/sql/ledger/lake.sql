-- Questions of the lake: what the datasets results, dispositions and entries say is read from the ledger, never kept twice.

-- name: results-of-attempts
-- What became of the send verdicts of a wave, in the order of the given keys: submitted by this wave, handed back, or dropped.
SELECT CASE WHEN a.submitted_at IS NOT NULL AND a.wave_id = %(wave_id)s THEN 'submitted' WHEN a.state = 'closed' THEN 'drop' ELSE 'later' END,
       CASE WHEN a.submitted_at IS NOT NULL AND a.wave_id = %(wave_id)s THEN NULL ELSE a.waits_for END,
       CASE WHEN a.wave_id = %(wave_id)s THEN a.submitted_at END,
       a.message_id, a.disposition, a.disposed_at
FROM unnest(%(occurrence_id)s::bigint[], %(recipient_id)s::text[], %(attempt)s::smallint[])
     WITH ORDINALITY AS k (occurrence_id, recipient_id, attempt, row_no)
JOIN outcamp.all_attempts a ON a.occurrence_id = k.occurrence_id AND a.recipient_id = k.recipient_id AND a.attempt = k.attempt
ORDER BY k.row_no;

-- name: parts-with-open-entries
-- Over the partial index of open entries: what is over is not read again.
SELECT DISTINCT occurrence_id, part FROM outcamp.entries WHERE campaign_id = %(campaign_id)s AND exited_at IS NULL;

-- name: snapshot-parts-of-campaign
-- Each snapshot part of each occurrence is one file of entries/ and of dispositions/.
SELECT o.occurrence_id, o.number, o.run, p.part
FROM outcamp.occurrences o
JOIN outcamp.waves w ON w.campaign_id = o.campaign_id AND w.run = o.run
JOIN outcamp.parts p ON p.wave_id = w.wave_id AND p.step = 'snapshot'
WHERE o.campaign_id = %(campaign_id)s
ORDER BY o.number, p.part;

-- name: entries-of-part
-- The current state of every entry of a part: one row each, with its newest attempt, so that nobody must join.
SELECT e.recipient_id,
       CASE WHEN e.exited_at IS NOT NULL THEN 'exited'
            WHEN a.state = 'sent' THEN 'awaiting_outcome'
            WHEN a.state IN ('claimed', 'submitting') THEN 'sending'
            ELSE a.state::text END,
       e.entered_at, e.exited_at, e.exit_reason,
       a.attempt, a.channel, a.submitted_at, a.disposition, a.waits_for, CASE WHEN a.state = 'waiting' THEN a.due_at END
FROM outcamp.entries e
CROSS JOIN LATERAL (SELECT * FROM outcamp.all_attempts a
                    WHERE a.occurrence_id = e.occurrence_id AND a.recipient_id = e.recipient_id
                    ORDER BY a.attempt DESC LIMIT 1) AS a
WHERE e.occurrence_id = %(occurrence_id)s AND e.part = %(part)s
ORDER BY e.recipient_id;

-- name: dispositions-of-part
-- Every disposition that has come of a part's attempts.
SELECT a.recipient_id, a.attempt, a.channel, a.submitted_at, a.disposition, a.disposed_at, a.counted_at IS NOT NULL, a.rule
FROM outcamp.entries e JOIN outcamp.all_attempts a USING (occurrence_id, recipient_id)
WHERE e.occurrence_id = %(occurrence_id)s AND e.part = %(part)s AND a.disposition IS NOT NULL
ORDER BY a.recipient_id, a.attempt;
