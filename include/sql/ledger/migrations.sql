-- name: lock-migrations
-- Any fixed number: two processes migrate one after the other.
SELECT pg_advisory_xact_lock(7036111932045);

-- name: create-migrations
-- Outside the outcamp schema, which the first migration makes.
CREATE TABLE IF NOT EXISTS public.outcamp_migrations (
    number     integer PRIMARY KEY,
    name       text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- name: applied-migrations
-- Asked under the lock, so that no two processes apply the same one.
SELECT number FROM public.outcamp_migrations;

-- name: record-migration
-- In the transaction of the migration itself: applied and recorded, or neither.
INSERT INTO public.outcamp_migrations (number, name) VALUES (%(number)s, %(name)s);
