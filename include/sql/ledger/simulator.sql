-- The built-in simulator's own books: what is still to come of messages that it accepted.

-- name: keep-simulated-outcomes
-- Written with the answer, as a provider would know them; the engine asks for them when they have happened.
INSERT INTO outcamp_simulator.outcomes (campaign, occurrence_id, recipient_id, attempt, channel, disposition, disposed_at)
SELECT %(campaign)s, r.* FROM unnest(%(occurrence_id)s::bigint[], %(recipient_id)s::text[], %(attempt)s::smallint[], %(channel)s::text[],
                                     %(disposition)s::text[], %(disposed_at)s::timestamptz[]) AS r;

-- name: simulated-outcomes
-- Those that have happened. The id travels along, so that exactly these are forgotten when the ledger has them.
SELECT occurrence_id, recipient_id, attempt, channel, disposition, disposed_at, outcome_id FROM outcamp_simulator.outcomes
WHERE campaign = %(campaign)s AND disposed_at <= %(now)s
ORDER BY outcome_id;

-- name: forget-simulated-outcomes
-- By number: an outcome that came in meanwhile is kept.
DELETE FROM outcamp_simulator.outcomes WHERE outcome_id = ANY(%(outcome_ids)s::bigint[]);
