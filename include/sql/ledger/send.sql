-- Rows that are given by their keys are looked up in the primary key, one by one. What they must still hold travels with each given row,
-- behind OFFSET 0: were it a condition on the table alone, the planner would take it for a rare one, without fresh statistics, and read
-- all given rows for each row of the table. The state is compared as text, so that no partial index offers itself.

-- name: submit
-- The point of no return: rows move only if this wave still holds them, and (see hold-token) this try its batch; a row is in one batch of
-- its wave. Committed before the transport is called.
UPDATE outcamp.attempts a
SET state = 'submitting', batch = %(batch)s, token = %(token)s, submitted_at = %(now)s, counted_at = %(now)s, deadline_at = %(deadline_at)s, waits_for = NULL,
    endpoint_key = sha256(convert_to(r.endpoint, 'UTF8'))
FROM (SELECT *, %(wave_id)s::bigint AS wave_id, 'claimed' AS held
      FROM unnest(%(occurrence_id)s::bigint[], %(recipient_id)s::text[], %(attempt)s::smallint[], %(endpoint)s::text[])
           AS r (occurrence_id, recipient_id, attempt, endpoint)
      OFFSET 0) AS r
WHERE a.occurrence_id = r.occurrence_id AND a.recipient_id = r.recipient_id AND a.attempt = r.attempt
  AND a.state::text = r.held AND a.wave_id = r.wave_id
RETURNING a.occurrence_id, a.recipient_id;

-- name: hand-back
-- What may not go now: later rows wait again, dropped ones end their entry.
WITH moved AS (
    UPDATE outcamp.attempts a
    SET state = r.state::outcamp.attempt_state, wave_id = NULL, due_at = coalesce(r.due_at, a.due_at), waits_for = r.reason
    FROM (SELECT *, %(wave_id)s::bigint AS wave_id, 'claimed' AS held
          FROM unnest(%(occurrence_id)s::bigint[], %(recipient_id)s::text[], %(attempt)s::smallint[],
                      %(state)s::text[], %(reason)s::text[], %(due_at)s::timestamptz[])
               AS r (occurrence_id, recipient_id, attempt, state, reason, due_at)
          OFFSET 0) AS r
    WHERE a.occurrence_id = r.occurrence_id AND a.recipient_id = r.recipient_id AND a.attempt = r.attempt
      AND a.state::text = r.held AND a.wave_id = r.wave_id
    RETURNING a.occurrence_id, a.recipient_id, a.state, r.reason
), exited AS (
    UPDATE outcamp.entries e SET exited_at = %(now)s, exit_reason = m.reason
    FROM moved m
    WHERE m.state = 'closed' AND e.occurrence_id = m.occurrence_id AND e.recipient_id = m.recipient_id AND e.exited_at IS NULL
)
SELECT count(*) FROM moved;

-- name: record-answers
-- The transport's answers to one submission. An answer may come after a newer try has put the row in doubt: it is the truth about
-- this submission, so it is taken; an answer to another try's submission is not. What never reached anybody stops counting.
UPDATE outcamp.attempts a
SET state = CASE WHEN r.disposition IS NOT NULL OR a.state = 'closed' THEN 'closed' ELSE 'sent' END::outcamp.attempt_state,
    message_id = r.message_id, disposition = coalesce(r.disposition, a.disposition), disposed_at = coalesce(r.disposed_at, a.disposed_at),
    counted_at = CASE WHEN r.unreached THEN NULL ELSE a.counted_at END
FROM (SELECT *, %(wave_id)s::bigint AS wave_id, %(batch)s::integer AS batch, %(token)s::integer AS token
      FROM unnest(%(occurrence_id)s::bigint[], %(recipient_id)s::text[], %(attempt)s::smallint[],
                  %(message_id)s::text[], %(disposition)s::text[], %(disposed_at)s::timestamptz[], %(unreached)s::boolean[])
           AS r (occurrence_id, recipient_id, attempt, message_id, disposition, disposed_at, unreached)
      OFFSET 0) AS r
WHERE a.occurrence_id = r.occurrence_id AND a.recipient_id = r.recipient_id AND a.attempt = r.attempt
  AND a.token = r.token AND a.wave_id = r.wave_id AND a.batch = r.batch
  AND (a.state::text = 'submitting' OR a.state::text = 'closed' AND a.disposition = 'unknown')
RETURNING a.occurrence_id, a.recipient_id, a.attempt, r.disposition, r.disposed_at;

-- name: hold-campaign
-- Whoever stops the campaign waits for us, and then finds what we let wait. Rare enough for a lock on the campaign's one row.
SELECT 1 FROM outcamp.campaigns WHERE campaign_id = %(campaign_id)s FOR SHARE;

-- name: take-back
-- Submissions that the transport certainly did not take wait again, as if they had never been made. Only this try's own, and only those
-- that are still open: once a newer try or an outcome has spoken, something may follow from it already, and the row stays as it is.
-- Nothing waits for an entry that is over by now.
WITH moved AS (
    UPDATE outcamp.attempts a
    SET state = CASE WHEN e.exited_at IS NULL THEN r.state ELSE 'closed' END::outcamp.attempt_state,
        due_at = r.due_at, waits_for = r.reason,
        wave_id = NULL, batch = NULL, token = NULL, submitted_at = NULL, counted_at = NULL, deadline_at = NULL, endpoint_key = NULL
    FROM (SELECT *, %(wave_id)s::bigint AS wave_id, %(batch)s::integer AS batch, %(token)s::integer AS token, 'submitting' AS held
          FROM unnest(%(occurrence_id)s::bigint[], %(recipient_id)s::text[], %(attempt)s::smallint[],
                      %(state)s::text[], %(reason)s::text[], %(due_at)s::timestamptz[])
               AS r (occurrence_id, recipient_id, attempt, state, reason, due_at)
          OFFSET 0) AS r
    JOIN outcamp.entries e ON e.occurrence_id = r.occurrence_id AND e.recipient_id = r.recipient_id
    WHERE a.occurrence_id = r.occurrence_id AND a.recipient_id = r.recipient_id AND a.attempt = r.attempt
      AND a.state::text = r.held AND a.token = r.token AND a.wave_id = r.wave_id AND a.batch = r.batch
    RETURNING a.occurrence_id, a.recipient_id, a.state, r.reason
), exited AS (
    UPDATE outcamp.entries e SET exited_at = %(now)s, exit_reason = m.reason
    FROM moved m
    WHERE m.state = 'closed' AND e.occurrence_id = m.occurrence_id AND e.recipient_id = m.recipient_id AND e.exited_at IS NULL
)
SELECT count(*) FROM moved;

-- name: still-claimed
-- Which rows of a batch its wave still holds: a new try waits for nobody's turn who went with an earlier one.
SELECT r.row_no
FROM (SELECT *, %(wave_id)s::bigint AS wave_id, 'claimed' AS held
      FROM unnest(%(occurrence_id)s::bigint[], %(recipient_id)s::text[], %(attempt)s::smallint[])
           WITH ORDINALITY AS r (occurrence_id, recipient_id, attempt, row_no)
      OFFSET 0) AS r
JOIN outcamp.attempts a ON a.occurrence_id = r.occurrence_id AND a.recipient_id = r.recipient_id AND a.attempt = r.attempt
WHERE a.state::text = r.held AND a.wave_id = r.wave_id
ORDER BY r.row_no;
