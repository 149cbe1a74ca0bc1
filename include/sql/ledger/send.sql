-- name: submit
-- The point of no return: rows move only if this wave, batch and try still hold them. Committed before the transport is called.
UPDATE outcamp.attempts a
SET state = 'submitting', token = %(token)s, submitted_at = %(now)s, counted_at = %(now)s, deadline_at = %(deadline_at)s, waits_for = NULL
FROM unnest(%(occurrence_id)s::bigint[], %(recipient_id)s::text[], %(attempt)s::smallint[]) AS r (occurrence_id, recipient_id, attempt)
WHERE a.occurrence_id = r.occurrence_id AND a.recipient_id = r.recipient_id AND a.attempt = r.attempt
  AND a.state = 'claimed' AND a.wave_id = %(wave_id)s AND a.batch = %(batch)s
RETURNING a.occurrence_id, a.recipient_id;

-- name: hand-back
-- What may not go now: later rows wait again, dropped ones end their entry.
WITH moved AS (
    UPDATE outcamp.attempts a
    SET state = r.state::outcamp.attempt_state, wave_id = NULL, batch = NULL, due_at = coalesce(r.due_at, a.due_at), waits_for = r.reason
    FROM unnest(%(occurrence_id)s::bigint[], %(recipient_id)s::text[], %(attempt)s::smallint[],
                %(state)s::text[], %(reason)s::text[], %(due_at)s::timestamptz[])
         AS r (occurrence_id, recipient_id, attempt, state, reason, due_at)
    WHERE a.occurrence_id = r.occurrence_id AND a.recipient_id = r.recipient_id AND a.attempt = r.attempt
      AND a.state = 'claimed' AND a.wave_id = %(wave_id)s AND a.batch = %(batch)s
    RETURNING a.occurrence_id, a.recipient_id, a.state, r.reason
)
UPDATE outcamp.entries e SET exited_at = %(now)s, exit_reason = m.reason
FROM moved m
WHERE m.state = 'closed' AND e.occurrence_id = m.occurrence_id AND e.recipient_id = m.recipient_id AND e.exited_at IS NULL;

-- name: record-answers
-- The transport's answers to one submission. An answer may come after a newer try has put the row in doubt: it is the truth about
-- this submission, so it is taken; an answer to another try's submission is not. What never reached anybody stops counting.
UPDATE outcamp.attempts a
SET state = CASE WHEN a.state = 'closed' THEN 'closed' ELSE r.state::outcamp.attempt_state END,
    message_id = r.message_id, disposition = r.disposition, disposed_at = r.disposed_at,
    counted_at = CASE WHEN r.state = 'not_delivered' THEN NULL ELSE a.counted_at END
FROM unnest(%(occurrence_id)s::bigint[], %(recipient_id)s::text[], %(attempt)s::smallint[],
            %(state)s::text[], %(message_id)s::text[], %(disposition)s::text[], %(disposed_at)s::timestamptz[])
     AS r (occurrence_id, recipient_id, attempt, state, message_id, disposition, disposed_at)
WHERE a.occurrence_id = r.occurrence_id AND a.recipient_id = r.recipient_id AND a.attempt = r.attempt
  AND a.token = %(token)s AND a.wave_id = %(wave_id)s AND a.batch = %(batch)s
  AND (a.state IN ('submitting', 'unknown') OR a.state = 'closed' AND a.disposition = 'unknown' AND r.disposition IS NOT NULL);
