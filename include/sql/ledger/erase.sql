-- A person leaves the books. Their rows stay as those of nobody, under a random name that is kept nowhere else, so that every sum is as before.

-- name: campaigns-to-erase-from
-- All of them: also those that have ended, and history that was loaded.
SELECT campaign_id, name FROM outcamp.campaigns ORDER BY campaign_id;

-- name: hands-that-hold
-- Which waves have the recipient in hand now; locked, so that none takes them until they are gone.
WITH attempts AS MATERIALIZED (
    SELECT a.state, a.wave_id
    FROM outcamp.occurrences o JOIN outcamp.attempts a ON a.occurrence_id = o.occurrence_id AND a.recipient_id = %(recipient_id)s
    WHERE o.campaign_id = %(campaign_id)s ORDER BY a.occurrence_id, a.attempt FOR UPDATE OF a
)
SELECT w.run FROM attempts LEFT JOIN outcamp.waves w USING (wave_id) WHERE state IN ('claimed', 'submitting')
UNION ALL
SELECT w.run FROM outcamp.deferred d JOIN outcamp.waves w USING (wave_id)
WHERE d.campaign_id = %(campaign_id)s AND d.recipient_id = %(recipient_id)s;

-- name: rename-attempts
-- What waits is over. What was sent keeps its deadline; the provider's own id of the message goes, and where it went to.
WITH renamed AS (
    UPDATE outcamp.attempts a
    SET recipient_id = %(token)s, message_id = NULL, endpoint_key = NULL,
        waits_for = CASE WHEN a.state = 'waiting' THEN 'erased' ELSE a.waits_for END,
        state = CASE WHEN a.state = 'waiting' THEN 'closed' ELSE a.state END
    FROM outcamp.occurrences o
    WHERE o.campaign_id = %(campaign_id)s AND a.occurrence_id = o.occurrence_id AND a.recipient_id = %(recipient_id)s
    RETURNING 1
)
SELECT count(*) FROM renamed;

-- name: rename-past-attempts
-- What has been moved is over. After the others: who waits for a move there finds its rows here.
WITH renamed AS (
    UPDATE outcamp.past_attempts a
    SET recipient_id = %(token)s, message_id = NULL, endpoint_key = NULL
    FROM outcamp.occurrences o
    WHERE o.campaign_id = %(campaign_id)s AND a.occurrence_id = o.occurrence_id AND a.recipient_id = %(recipient_id)s
    RETURNING 1
)
SELECT count(*) FROM renamed;

-- name: rename-entries
-- An open entry exits by this.
UPDATE outcamp.entries e
SET recipient_id = %(token)s, exit_reason = CASE WHEN e.exited_at IS NULL THEN 'erased' ELSE e.exit_reason END, exited_at = coalesce(e.exited_at, %(now)s)
FROM outcamp.occurrences o
WHERE o.campaign_id = %(campaign_id)s AND e.occurrence_id = o.occurrence_id AND e.recipient_id = %(recipient_id)s;

-- name: forget-deferred-row
-- Whoever is erased enters no more.
DELETE FROM outcamp.deferred WHERE campaign_id = %(campaign_id)s AND recipient_id = %(recipient_id)s;

-- name: name-files
-- The files of a part after somebody has left them: other hashes, the same rows and row groups.
UPDATE outcamp.parts SET files = %(files)s WHERE wave_id = %(wave_id)s AND step = %(step)s AND part = %(part)s;

-- name: forget-events
-- Outcomes that were kept aside and name the recipient, by id or in the reference.
DELETE FROM outcamp.events_not_matched
WHERE event ->> 'recipient_id' = %(recipient_id)s
   OR position('/' || %(recipient_id)s::text || '/' IN '/' || (event ->> 'reference') || '/') > 0;

-- name: forget-simulated
-- What the simulator would still have told about them.
DELETE FROM outcamp_simulator.outcomes WHERE recipient_id = %(recipient_id)s;
