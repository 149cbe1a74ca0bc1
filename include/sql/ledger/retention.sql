-- Old attempts move from attempts to past_attempts. Nobody who sends, decides or counts waits for that: what is moved is over, and locked
-- only where nobody else holds it.

-- name: note-what-is-over
-- By the numbers of the pages, so that no attempt is read to find out; a row for each occurrence. The first instant stands.
INSERT INTO outcamp.retention (occurrence_id, over_at, moved, look_at)
SELECT p.occurrence_id, p.as_of, 0, '-infinity' FROM outcamp.progress p
WHERE p.settled AND NOT EXISTS (SELECT FROM outcamp.retention r WHERE r.occurrence_id = p.occurrence_id)
ON CONFLICT (occurrence_id) DO NOTHING;

-- name: occurrences-to-move
-- Those that were over before the horizon, and in which something may be left; the first to be looked at first.
SELECT occurrence_id FROM outcamp.retention
WHERE over_at < %(before)s AND look_at <= %(now)s
ORDER BY look_at, occurrence_id LIMIT %(most)s;

-- name: move-attempts
-- The next attempts of an occurrence, in the order of the key; one statement, so that each is in one table at any instant. A doubt stays:
-- somebody may resolve it. What somebody else has locked (an outcome is being written to it) is left for the next look. A full chunk
-- is looked at again at once; where there was nothing left to see, never.
WITH old AS MATERIALIZED (
    SELECT a.recipient_id, a.attempt
    FROM outcamp.attempts a
    JOIN outcamp.entries e ON e.occurrence_id = a.occurrence_id AND e.recipient_id = a.recipient_id
    WHERE a.occurrence_id = %(occurrence_id)s AND (a.recipient_id, a.attempt) > (%(after_recipient)s, %(after_attempt)s::smallint)
      AND a.state::text = 'closed' AND a.disposition IS DISTINCT FROM 'unknown'
      AND e.exited_at IS NOT NULL AND greatest(a.submitted_at, a.counted_at, a.disposed_at, a.deadline_at, e.exited_at) < %(before)s
    ORDER BY a.recipient_id, a.attempt LIMIT %(rows)s
    FOR UPDATE OF a SKIP LOCKED
), gone AS (
    DELETE FROM outcamp.attempts a USING old
    WHERE a.occurrence_id = %(occurrence_id)s AND a.recipient_id = old.recipient_id AND a.attempt = old.attempt
    RETURNING a.*
), moved AS (
    INSERT INTO outcamp.past_attempts SELECT * FROM gone RETURNING recipient_id, attempt
), noted AS (
    UPDATE outcamp.retention r
    SET moved = r.moved + m.rows, before = CASE WHEN m.rows > 0 THEN greatest(r.before, %(before)s) ELSE r.before END,
        look_at = CASE WHEN m.rows = %(rows)s THEN r.look_at
                       WHEN EXISTS (SELECT FROM outcamp.attempts a WHERE a.occurrence_id = r.occurrence_id) THEN %(again_at)s
                       ELSE 'infinity' END
    FROM (SELECT count(*) AS rows FROM moved) AS m
    WHERE r.occurrence_id = %(occurrence_id)s
)
SELECT count(*) OVER (), recipient_id, attempt FROM moved ORDER BY recipient_id DESC, attempt DESC LIMIT 1;

-- name: newest-move
-- Asked after limits have been counted, in the same transaction: what had been moved by then was over before this instant.
SELECT max(before) FROM outcamp.retention;
