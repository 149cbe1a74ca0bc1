-- name: stop-campaign
-- Recorded once; a second stop, or a delete after it, keeps the first instant. What was sent stays on the books.
UPDATE outcamp.campaigns
SET stopped_at = coalesce(stopped_at, %(now)s), deleted_at = CASE WHEN %(delete)s THEN coalesce(deleted_at, %(now)s) ELSE deleted_at END
WHERE campaign_id = %(campaign_id)s;

-- name: close-waiting
-- Whatever waits is over. What a wave has claimed, its send closes when it looks again.
UPDATE outcamp.attempts SET state = 'closed', waits_for = %(reason)s WHERE campaign_id = %(campaign_id)s AND state = 'waiting';

-- name: exit-entries
-- Entries without an attempt in a wave's hands. An outcome that comes later is still written to its attempt.
UPDATE outcamp.entries e SET exited_at = %(now)s, exit_reason = %(reason)s
WHERE e.campaign_id = %(campaign_id)s AND e.exited_at IS NULL
  AND NOT EXISTS (SELECT FROM outcamp.attempts a WHERE a.occurrence_id = e.occurrence_id AND a.recipient_id = e.recipient_id
                  AND a.state IN ('claimed', 'submitting'))
RETURNING 1;

-- name: drop-deferred
-- Nobody enters a campaign that has ended.
DELETE FROM outcamp.deferred WHERE campaign_id = %(campaign_id)s;

-- name: record-error
-- The first error stays until somebody has looked.
UPDATE outcamp.campaigns SET error_at = %(now)s, error_reason = %(reason)s, error_told_at = CASE WHEN %(told)s THEN %(now)s::timestamptz END
WHERE campaign_id = %(campaign_id)s AND error_at IS NULL;

-- name: untold-errors
-- Campaigns in Error of which nobody has been told yet.
SELECT name, error_reason FROM outcamp.campaigns WHERE error_at IS NOT NULL AND error_told_at IS NULL ORDER BY name;

-- name: tell-error
-- Whoever the campaign names has been told, as far as they can be.
UPDATE outcamp.campaigns SET error_told_at = %(now)s WHERE name = %(name)s AND error_at IS NOT NULL AND error_told_at IS NULL;

-- name: lift-error
-- Returns the reason that somebody has looked at; nothing when there was none.
UPDATE outcamp.campaigns c SET error_at = NULL, error_reason = NULL, error_told_at = NULL
FROM outcamp.campaigns was
WHERE c.campaign_id = %(campaign_id)s AND was.campaign_id = c.campaign_id
RETURNING was.error_reason;
