-- name: plan-run
-- Kept until its instant has passed: at most two runs of a campaign are queued ahead.
INSERT INTO outcamp.planned_runs (campaign_id, run, at)
SELECT campaign_id, %(run)s, %(at)s FROM outcamp.campaigns WHERE name = %(campaign)s
ON CONFLICT DO NOTHING;

-- name: planned-runs
-- Those up to an instant whose wave has not been opened: whatever is due when it opens, it takes, and it makes the next one.
SELECT p.run FROM outcamp.planned_runs p JOIN outcamp.campaigns c USING (campaign_id)
WHERE c.name = %(campaign)s AND p.at <= %(until)s
  AND NOT EXISTS (SELECT FROM outcamp.waves w WHERE w.campaign_id = p.campaign_id AND w.run = p.run)
ORDER BY p.at;

-- name: forget-planned-runs
-- Runs that are gone, and those whose wave is open.
DELETE FROM outcamp.planned_runs p USING outcamp.campaigns c
WHERE c.campaign_id = p.campaign_id AND c.name = %(campaign)s
  AND (p.run = ANY(%(gone)s) OR EXISTS (SELECT FROM outcamp.waves w WHERE w.campaign_id = p.campaign_id AND w.run = p.run));
