-- A demo has nothing to lose in a power cut, and begins sooner without waiting for the disk. Never do so where books are kept.
ALTER SYSTEM SET fsync = off;
ALTER SYSTEM SET synchronous_commit = off;
ALTER SYSTEM SET full_page_writes = off;
SELECT pg_reload_conf();
