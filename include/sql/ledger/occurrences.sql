-- name: undecided-occurrences
-- Opened, and never closed or never answered: their wave is at work, or it ended before everybody had a verdict, or before anybody answered.
SELECT occurrence_id, scheduled_at, run FROM outcamp.occurrences
WHERE campaign_id = %(campaign_id)s AND (closed_at IS NULL OR review = 'pending') ORDER BY scheduled_at;

-- name: campaigns-with-occurrences
-- Campaigns whose schedule is not over, or that have an occurrence which is not decided. After the expiry only pushes have to be decided
-- still: whoever was accepted hears that it came too late. Nothing else that expires has no final occurrence.
SELECT c.name FROM outcamp.campaigns c
WHERE c.stopped_at IS NULL AND c.deleted_at IS NULL
  AND CASE WHEN c.expires_at IS NULL OR c.expires_at > %(now)s
           THEN c.final_occurrence_at IS NULL
                OR NOT EXISTS (SELECT FROM outcamp.occurrences o WHERE o.campaign_id = c.campaign_id AND o.scheduled_at >= c.final_occurrence_at)
                OR EXISTS (SELECT FROM outcamp.occurrences o WHERE o.campaign_id = c.campaign_id AND o.closed_at IS NULL)
           ELSE c.final_occurrence_at IS NULL
                AND EXISTS (SELECT FROM outcamp.occurrences o WHERE o.campaign_id = c.campaign_id AND o.closed_at IS NULL) END;
