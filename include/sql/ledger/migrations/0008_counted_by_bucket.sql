-- Limits are asked for a part's candidates in order of bucket and recipient. With the bucket in front, neighbours among the candidates
-- are neighbours in the index: each of its pages is read once a wave, not once a candidate.
DROP INDEX outcamp.attempts_counted;
CREATE INDEX attempts_counted ON outcamp.attempts (bucket, recipient_id, counted_at) INCLUDE (campaign_id) WHERE counted_at IS NOT NULL;
