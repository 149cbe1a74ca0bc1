-- name: find-push
-- A push is known by the beginning of its run's key; a repeated one finds the instant at which it was judged.
SELECT w.run, w.wave_id, o.opened_at FROM outcamp.waves w JOIN outcamp.occurrences o USING (occurrence_id)
WHERE w.campaign_id = %(campaign_id)s AND w.run >= %(first)s AND w.run < %(last)s;
