-- name: unfinished-campaigns
-- Campaigns with an open entry, a deferred row, or an attempt whose outcome may still come. A loose index scan would find no more:
-- the partial indexes that answer here hold only what is in flight.
SELECT c.name FROM outcamp.campaigns c
WHERE EXISTS (SELECT FROM outcamp.entries e WHERE e.campaign_id = c.campaign_id AND e.exited_at IS NULL)
   OR EXISTS (SELECT FROM outcamp.deferred d WHERE d.campaign_id = c.campaign_id)
   OR EXISTS (SELECT FROM outcamp.attempts a WHERE a.campaign_id = c.campaign_id AND a.state = 'sent');
