-- The endpoint that a submission went to, as the do-not-contact list names it: an outcome can then suppress it without reading the lake.
ALTER TABLE outcamp.attempts ADD COLUMN endpoint_key bytea;  -- SHA-256 of the endpoint as the filter writes it; null: not submitted, or erased
