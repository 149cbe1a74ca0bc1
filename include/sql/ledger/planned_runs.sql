-- name: lock-planned-runs
-- One decision at a time about a campaign's queued runs, in a statement of its own: who waited then sees what the other one noted.
-- The second key is no bucket, so nobody who decides about people waits here.
SELECT pg_advisory_xact_lock(%(campaign_id)s, -1);

-- name: plan-run
-- Kept until its wave is open: while a run is still to come, nobody asks for one after it, nor for a second one far ahead.
INSERT INTO outcamp.planned_runs (campaign_id, run, at)
SELECT campaign_id, %(run)s, %(at)s FROM outcamp.campaigns WHERE name = %(campaign)s
ON CONFLICT DO NOTHING;

-- name: planned-runs
-- Those whose wave has not been opened: whatever is due when it opens, it takes, and it makes the next one.
SELECT p.run, p.at FROM outcamp.planned_runs p JOIN outcamp.campaigns c USING (campaign_id)
WHERE c.name = %(campaign)s
  AND NOT EXISTS (SELECT FROM outcamp.waves w WHERE w.campaign_id = p.campaign_id AND w.run = p.run)
ORDER BY p.at;

-- name: forget-planned-runs
-- Runs that are gone, and those whose wave is open.
DELETE FROM outcamp.planned_runs p USING outcamp.campaigns c
WHERE c.campaign_id = p.campaign_id AND c.name = %(campaign)s
  AND (p.run = ANY(%(gone)s) OR EXISTS (SELECT FROM outcamp.waves w WHERE w.campaign_id = p.campaign_id AND w.run = p.run));
