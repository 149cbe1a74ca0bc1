-- name: open-wave
-- A run that is repeated finds its row; the first instant stands.
INSERT INTO outcamp.waves (campaign_id, run, due_at, occurrence_id, opened_at)
VALUES (%(campaign_id)s, %(run)s, %(due_at)s, %(occurrence_id)s, %(now)s)
ON CONFLICT (campaign_id, run) DO NOTHING;

-- name: find-wave
-- A wave with what it knows of its occurrence, in one look.
SELECT w.wave_id, w.due_at, w.occurrence_id, o.number, w.fanned_out_at, w.finished_at, o.closed_at, o.scheduled_at
FROM outcamp.waves w LEFT JOIN outcamp.occurrences o USING (occurrence_id)
WHERE w.campaign_id = %(campaign_id)s AND w.run = %(run)s;

-- name: newest-occurrence
-- An older instant is never opened after a newer one.
SELECT max(scheduled_at) FROM outcamp.occurrences WHERE campaign_id = %(campaign_id)s;

-- name: open-occurrence
-- Under the campaign's lock, so that numbers have no gap and follow time.
INSERT INTO outcamp.occurrences (campaign_id, scheduled_at, number, run, opened_at, review)
SELECT %(campaign_id)s, %(scheduled_at)s, coalesce(max(number) + 1, 0), %(run)s, %(now)s, %(review)s
FROM outcamp.occurrences WHERE campaign_id = %(campaign_id)s
ON CONFLICT (campaign_id, scheduled_at) DO NOTHING;

-- name: find-occurrence
-- Whether it was opened before, by which run, and whether it is closed for good.
SELECT occurrence_id, number, run, closed_at FROM outcamp.occurrences
WHERE campaign_id = %(campaign_id)s AND scheduled_at = %(scheduled_at)s;

-- name: occurrences-of-campaign
-- The numbers by which people and files know occurrences.
SELECT occurrence_id, number, run FROM outcamp.occurrences WHERE campaign_id = %(campaign_id)s ORDER BY number;

-- name: close-occurrence
-- From here on a repeated run decides nobody.
UPDATE outcamp.occurrences SET closed_at = %(now)s WHERE occurrence_id = %(occurrence_id)s AND closed_at IS NULL;

-- name: mark-fanned-out
-- The first time stands.
UPDATE outcamp.waves SET fanned_out_at = %(now)s WHERE wave_id = %(wave_id)s AND fanned_out_at IS NULL;

-- name: mark-finished
-- The first time stands.
UPDATE outcamp.waves SET finished_at = coalesce(finished_at, %(now)s) WHERE campaign_id = %(campaign_id)s AND run = %(run)s;

-- name: add-part
-- Two tries of one part meet here: the second one waits for the first, and then finds its row.
INSERT INTO outcamp.parts (wave_id, step, part, first_bucket, last_bucket, rows, files, funnel, decided_at)
VALUES (%(wave_id)s, %(step)s, %(part)s, %(first_bucket)s, %(last_bucket)s, %(rows)s, %(files)s, %(funnel)s, %(now)s)
ON CONFLICT (wave_id, step, part) DO NOTHING;

-- name: parts-of-wave
-- What is decided; a repeated step reads this first.
SELECT part, first_bucket, last_bucket, rows, files, funnel FROM outcamp.parts
WHERE wave_id = %(wave_id)s AND step = %(step)s ORDER BY part;

-- name: add-batches
-- Their numbers follow from the parts, so a repeated fan-out finds them all there.
INSERT INTO outcamp.batches (wave_id, batch, part, row_group, rows)
SELECT %(wave_id)s, b.* FROM unnest(%(batch)s::int[], %(part)s::smallint[], %(row_group)s::int[], %(rows)s::int[]) AS b
ON CONFLICT (wave_id, batch) DO NOTHING;

-- name: batches-of-wave
-- In the order in which Airflow maps them.
SELECT batch, part, row_group, rows FROM outcamp.batches WHERE wave_id = %(wave_id)s ORDER BY batch;

-- name: take-token
-- A new try of a batch: from now on only this one moves its rows.
UPDATE outcamp.batches b SET token = token + 1
FROM outcamp.waves w JOIN outcamp.parts p ON p.wave_id = w.wave_id AND p.step = 'filter'
WHERE w.campaign_id = %(campaign_id)s AND w.run = %(run)s AND b.wave_id = w.wave_id AND b.batch = %(batch)s AND p.part = b.part
RETURNING b.wave_id, b.token, b.part, b.row_group, b.rows, p.files;

-- name: hold-token
-- Locked until the transaction ends: a newer try cannot begin between this check and the move that relies on it.
SELECT token FROM outcamp.batches WHERE wave_id = %(wave_id)s AND batch = %(batch)s FOR SHARE;
