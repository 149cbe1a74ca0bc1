-- name: review-of-occurrence
-- What a person said; null: nobody has to be asked.
SELECT review FROM outcamp.occurrences WHERE occurrence_id = %(occurrence_id)s;

-- name: hold-review
-- Nobody is admitted to an occurrence while it is rejected: that one waits until this transaction has ended, and then finds its people.
SELECT review FROM outcamp.occurrences WHERE occurrence_id = %(occurrence_id)s FOR SHARE;

-- name: pending-reviews
-- Occurrences of which nothing may go yet; decided: everybody in them has a verdict.
SELECT occurrence_id, scheduled_at, closed_at IS NOT NULL AS decided, run
FROM outcamp.occurrences WHERE campaign_id = %(campaign_id)s AND review = 'pending' ORDER BY scheduled_at;

-- name: approve-occurrence
-- The first answer stands: whoever was rejected has left the campaign.
UPDATE outcamp.occurrences SET review = 'approved', reviewed_at = %(now)s WHERE occurrence_id = %(occurrence_id)s AND review = 'pending';

-- name: reject-occurrence
-- In the transaction in which its people leave; one row comes back the first time.
UPDATE outcamp.occurrences SET review = 'rejected', reviewed_at = %(now)s WHERE occurrence_id = %(occurrence_id)s AND review = 'pending'
RETURNING 1;

-- name: exit-rejected
-- Nothing of it was ever submitted: whatever waits or is in its wave's hands is over. The state is compared as text, so that the rows
-- are found by their occurrence.
WITH closed AS (
    UPDATE outcamp.attempts SET state = 'closed', wave_id = NULL, waits_for = %(reason)s
    WHERE occurrence_id = %(occurrence_id)s AND state::text IN ('waiting', 'claimed')
), forgotten AS (
    DELETE FROM outcamp.deferred WHERE campaign_id = %(campaign_id)s AND occurrence_id = %(occurrence_id)s
)
UPDATE outcamp.entries SET exited_at = %(now)s, exit_reason = %(reason)s WHERE occurrence_id = %(occurrence_id)s AND exited_at IS NULL
RETURNING 1;
