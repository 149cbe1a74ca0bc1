-- name: register-campaign
-- A name is bound to one manifest for ever; a second one is noticed by comparing the seal that stands here.
INSERT INTO outcamp.campaigns (name, seal, published_at, expires_at, final_occurrence_at, ignores_total_limits)
VALUES (%(name)s, %(seal)s, %(published_at)s, %(expires_at)s, %(final_occurrence_at)s, %(ignores_total_limits)s)
ON CONFLICT (name) DO NOTHING;

-- name: find-campaign
-- The recorded facts of one campaign, from which its state is derived.
SELECT campaign_id, seal, expires_at, stopped_at, deleted_at, error_at, error_reason
FROM outcamp.campaigns WHERE name = %(name)s;

-- name: halt-of-campaign
-- Asked before every chunk: may this campaign still send? Is anybody suppressed at all?
SELECT CASE WHEN deleted_at IS NOT NULL THEN 'deleted'
            WHEN stopped_at IS NOT NULL THEN 'stopped'
            WHEN error_at IS NOT NULL THEN 'error'
            WHEN expires_at <= %(now)s THEN 'expired' END,
       EXISTS (SELECT FROM outcamp.suppressions)
FROM outcamp.campaigns WHERE campaign_id = %(campaign_id)s;

-- name: live-campaigns
-- Whose communications count under "active_campaigns": Active, Paused or in Error, so not stopped, deleted, expired or completed.
-- Completed: the schedule's last occurrence has been decided, none is being decided, and no entry is open.
SELECT c.campaign_id
FROM outcamp.campaigns c
WHERE c.stopped_at IS NULL AND c.deleted_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > %(now)s)
  AND (c.final_occurrence_at IS NULL
       OR NOT EXISTS (SELECT FROM outcamp.occurrences o
                      WHERE o.campaign_id = c.campaign_id AND o.scheduled_at >= c.final_occurrence_at AND o.closed_at IS NOT NULL)
       OR EXISTS (SELECT FROM outcamp.occurrences o WHERE o.campaign_id = c.campaign_id AND o.closed_at IS NULL)
       OR EXISTS (SELECT FROM outcamp.deferred d WHERE d.campaign_id = c.campaign_id)
       OR EXISTS (SELECT FROM outcamp.entries e WHERE e.campaign_id = c.campaign_id AND e.exited_at IS NULL));

-- name: campaigns-outside-total-limits
-- Their sends neither obey the deployment's total limits nor count towards them.
SELECT campaign_id FROM outcamp.campaigns WHERE ignores_total_limits;

-- name: lock-campaign
-- One decision at a time about the campaign's own rows: opening an occurrence, numbering it.
SELECT campaign_id FROM outcamp.campaigns WHERE campaign_id = %(campaign_id)s FOR NO KEY UPDATE;

-- name: clock
-- One clock for all workers. clock_timestamp: the instant of the question, not of the transaction's start.
SELECT clock_timestamp();

-- name: keep-commits
-- A commit that a crash of the server forgot would let a message go twice, so a server that does not wait for its disk by default does so
-- here; one that never waits, a throw-away one, has nothing to lose.
SELECT CASE WHEN current_setting('synchronous_commit') = 'off' AND current_setting('fsync') = 'on'
            THEN set_config('synchronous_commit', 'on', false) END;

-- name: keep-to-plan
-- Every statement of the ledger is written for one plan: for each given row, one look-up in an index. Statistics are stale right after
-- a bulk load, and a plan that was cached over a small table would read a large one; so the planner is kept to it. Plain index scans
-- also mark dead entries of the partial indexes, which bitmap scans would visit again and again.
SELECT set_config(name, 'off', false) FROM unnest(ARRAY['enable_seqscan', 'enable_bitmapscan', 'enable_hashjoin', 'enable_mergejoin', 'jit']) AS name;
