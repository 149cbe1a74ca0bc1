-- Whatever gives an attempt its disposition closes it and returns it; follow then makes what comes after, in the same transaction.
-- So no attempt ever stands disposed and unanswered, and a repeated step finds nothing left to do.

-- name: record-outcomes
-- An outcome is taken when it is newer than what the books say; at one instant the one that counts is, and then the one later in the
-- alphabet: so the books end the same in whatever order outcomes come. Doubt (unknown, no_outcome) gives way to any of them. It is late
-- when the deadline passed before it happened. What never reached anybody stops counting; what reached them after all counts again.
UPDATE outcamp.attempts a
SET state = 'closed', disposition = r.disposition, disposed_at = r.disposed_at,
    counted_at = CASE WHEN r.unreached THEN NULL ELSE coalesce(a.counted_at, a.submitted_at) END
FROM (SELECT *, %(campaign_id)s::integer AS campaign_id
      FROM unnest(%(occurrence_id)s::bigint[], %(recipient_id)s::text[], %(attempt)s::smallint[],
                  %(disposition)s::text[], %(disposed_at)s::timestamptz[], %(unreached)s::boolean[])
           AS r (occurrence_id, recipient_id, attempt, disposition, disposed_at, unreached)
      OFFSET 0) AS r  -- see send.sql
WHERE a.occurrence_id = r.occurrence_id AND a.recipient_id = r.recipient_id AND a.attempt = r.attempt
  AND a.campaign_id = r.campaign_id
  AND a.state::text IN ('submitting', 'sent', 'closed') AND a.submitted_at IS NOT NULL
  AND (a.disposition IS NULL OR a.disposition IN ('unknown', 'no_outcome')
       OR (r.disposed_at, NOT r.unreached, r.disposition COLLATE "C") > (a.disposed_at, a.counted_at IS NOT NULL, a.disposition COLLATE "C"))
  AND (a.deadline_at IS NULL OR r.disposed_at <= a.deadline_at)
RETURNING a.occurrence_id, a.recipient_id, a.attempt, a.disposition, a.disposed_at;

-- name: record-past-outcomes
-- The same, word for word, for attempts that have been moved: nothing follows any more, but the books say what is true. A statement after the
-- other one, which may have waited while its row was moved.
UPDATE outcamp.past_attempts a
SET state = 'closed', disposition = r.disposition, disposed_at = r.disposed_at,
    counted_at = CASE WHEN r.unreached THEN NULL ELSE coalesce(a.counted_at, a.submitted_at) END
FROM (SELECT *, %(campaign_id)s::integer AS campaign_id
      FROM unnest(%(occurrence_id)s::bigint[], %(recipient_id)s::text[], %(attempt)s::smallint[],
                  %(disposition)s::text[], %(disposed_at)s::timestamptz[], %(unreached)s::boolean[])
           AS r (occurrence_id, recipient_id, attempt, disposition, disposed_at, unreached)
      OFFSET 0) AS r  -- see send.sql
WHERE a.occurrence_id = r.occurrence_id AND a.recipient_id = r.recipient_id AND a.attempt = r.attempt
  AND a.campaign_id = r.campaign_id
  AND a.state::text IN ('submitting', 'sent', 'closed') AND a.submitted_at IS NOT NULL
  AND (a.disposition IS NULL OR a.disposition IN ('unknown', 'no_outcome')
       OR (r.disposed_at, NOT r.unreached, r.disposition COLLATE "C") > (a.disposed_at, a.counted_at IS NOT NULL, a.disposition COLLATE "C"))
  AND (a.deadline_at IS NULL OR r.disposed_at <= a.deadline_at)
RETURNING a.occurrence_id, a.recipient_id, a.attempt, a.disposition, a.disposed_at;

-- name: set-no-outcome
-- The deadline itself is the instant of the disposition, whenever it is noticed.
UPDATE outcamp.attempts a SET state = 'closed', disposition = 'no_outcome', disposed_at = deadline_at
WHERE campaign_id = %(campaign_id)s AND state = 'sent' AND deadline_at <= %(now)s
RETURNING a.occurrence_id, a.recipient_id, a.attempt, a.disposition, a.disposed_at;

-- name: follow
-- Each disposed attempt makes the next one by the first rule that names its disposition and is not used up, or its entry exits.
-- An attempt that has a successor, or whose entry is over, has been answered before: a truth that replaces a doubt makes nothing new.
WITH rules AS MATERIALIZED (
    SELECT * FROM unnest(%(rule)s::smallint[], %(names)s::text[], %(channel)s::text[], %(wait)s::interval[], %(times)s::int[])
             AS r (rule, disposition, channel, wait, times)
), following AS MATERIALIZED (
    SELECT d.occurrence_id, d.recipient_id, d.attempt, e.bucket, d.disposed_at, r.rule, r.channel, d.disposed_at + r.wait AS due_at
    FROM (SELECT *, true AS is_open
          FROM unnest(%(occurrence_id)s::bigint[], %(recipient_id)s::text[], %(attempt)s::smallint[],
                      %(disposition)s::text[], %(disposed_at)s::timestamptz[])
               AS d (occurrence_id, recipient_id, attempt, disposition, disposed_at)
          OFFSET 0) AS d  -- see send.sql: all open entries would be read, for each of these rows
    JOIN outcamp.entries e ON e.occurrence_id = d.occurrence_id AND e.recipient_id = d.recipient_id AND (e.exited_at IS NULL) = d.is_open
    LEFT JOIN LATERAL (
        SELECT r.rule, r.channel, r.wait FROM rules r
        WHERE r.disposition = d.disposition
          AND r.times > (SELECT count(*) FROM outcamp.attempts p
                         WHERE p.occurrence_id = d.occurrence_id AND p.recipient_id = d.recipient_id AND p.rule = r.rule)
        ORDER BY r.rule LIMIT 1
    ) r ON %(expires_at)s::timestamptz IS NULL OR d.disposed_at < %(expires_at)s
    WHERE NOT EXISTS (SELECT FROM outcamp.attempts n
                      WHERE n.occurrence_id = d.occurrence_id AND n.recipient_id = d.recipient_id AND n.attempt = d.attempt + 1)
), made AS (
    INSERT INTO outcamp.attempts (occurrence_id, recipient_id, attempt, campaign_id, bucket, rule, state, channel, waits_for, due_at)
    SELECT occurrence_id, recipient_id, attempt + 1, %(campaign_id)s, bucket, rule, 'waiting', channel, 'waiting_to_reattempt', due_at
    FROM following WHERE rule IS NOT NULL
    RETURNING 1
), exited AS (
    UPDATE outcamp.entries e
    SET exited_at = f.disposed_at,
        exit_reason = CASE WHEN f.disposed_at >= %(expires_at)s THEN 'expired' ELSE 'finished' END
    FROM following f
    WHERE f.rule IS NULL AND e.occurrence_id = f.occurrence_id AND e.recipient_id = f.recipient_id
    RETURNING 1
)
SELECT (SELECT count(*) FROM made), (SELECT count(*) FROM exited);

-- name: exit-at-expiry
-- Entries that only wait for an outcome end at the expiry; the outcome is still written to its attempt. Of a submission without an
-- answer nobody knows yet whether there will be one: its entry keeps the campaign from being forgotten until that is settled.
UPDATE outcamp.entries e SET exited_at = %(expires_at)s, exit_reason = 'expired'
WHERE e.campaign_id = %(campaign_id)s AND e.exited_at IS NULL
  AND NOT EXISTS (SELECT FROM outcamp.attempts a WHERE a.occurrence_id = e.occurrence_id AND a.recipient_id = e.recipient_id
                  AND a.state IN ('waiting', 'claimed', 'submitting'));

-- name: submitted-attempts
-- Everything of a campaign that was submitted, for the lake.
SELECT o.number, a.recipient_id, a.attempt, a.channel, a.submitted_at, a.disposition, a.disposed_at, a.counted_at IS NOT NULL, a.rule
FROM outcamp.occurrences o JOIN outcamp.all_attempts a USING (occurrence_id)
WHERE o.campaign_id = %(campaign_id)s AND a.submitted_at IS NOT NULL
ORDER BY o.number, a.recipient_id, a.attempt;

-- name: match-outcomes
-- Which attempt each outcome from outside means, and why it is not taken where it is not. Without an occurrence it is the only one in which
-- that attempt can have had it at that instant. Clocks of providers may be off by the leeway: an outcome that seems older than its
-- submission happened just after it, and so after what was known at once.
SELECT array_agg(m.campaign_id ORDER BY m.row_no), array_agg(m.occurrence_id ORDER BY m.row_no), array_agg(m.channel ORDER BY m.row_no),
       array_agg(m.disposed_at ORDER BY m.row_no), array_agg(m.aside ORDER BY m.row_no)
FROM (
    SELECT e.row_no, c.campaign_id, a.occurrence_id, a.channel,
           greatest(e.disposed_at, a.submitted_at + interval '1 microsecond') AS disposed_at,
           CASE WHEN c.campaign_id IS NULL THEN 'no_campaign'
                WHEN a.occurrence_id IS NULL THEN 'no_attempt'
                WHEN e.channel <> a.channel THEN 'other_channel'
                WHEN a.submitted_at IS NULL THEN 'not_submitted'
                WHEN e.disposed_at > %(now)s + %(leeway)s::interval THEN 'in_the_future'
                WHEN e.disposed_at < a.submitted_at - %(leeway)s::interval THEN 'before_submission'
                WHEN e.disposed_at > a.deadline_at THEN 'late'
                WHEN a.possible > 1 THEN 'ambiguous' END AS aside
    FROM unnest(%(campaign)s::text[], %(occurrence)s::int[], %(recipient_id)s::text[], %(attempt)s::smallint[],
                %(channel)s::text[], %(disposed_at)s::timestamptz[])
         WITH ORDINALITY AS e (campaign, occurrence, recipient_id, attempt, channel, disposed_at, row_no)
    LEFT JOIN outcamp.campaigns c ON c.name = e.campaign
    LEFT JOIN LATERAL (
        SELECT a.occurrence_id, a.channel, a.submitted_at, a.deadline_at, count(*) FILTER (WHERE p.is_possible) OVER () AS possible
        FROM outcamp.occurrences o
        CROSS JOIN LATERAL (
            SELECT * FROM outcamp.all_attempts a
            WHERE a.occurrence_id = o.occurrence_id AND a.recipient_id = e.recipient_id AND a.attempt = e.attempt
            OFFSET 0
        ) a  -- see send.sql: by the recipient alone, the index of every occurrence that there is would be searched
        CROSS JOIN LATERAL (
            SELECT coalesce(e.disposed_at >= a.submitted_at - %(leeway)s::interval AND e.disposed_at <= a.deadline_at, false)
                   AND (e.channel IS NULL OR e.channel = a.channel) AS is_possible
        ) p
        WHERE o.campaign_id = c.campaign_id AND o.number BETWEEN coalesce(e.occurrence, 0) AND coalesce(e.occurrence, 2147483647)
        ORDER BY p.is_possible DESC, a.submitted_at <= e.disposed_at DESC NULLS LAST, o.number DESC LIMIT 1
    ) a ON true
) AS m;

-- name: keep-aside
-- What matches nothing, or is not believed, is kept with its reason: once, however often it comes.
INSERT INTO outcamp.events_not_matched (received_at, reason, event, fingerprint)
SELECT %(now)s, e.reason, e.event::jsonb, sha256(convert_to(e.event, 'UTF8'))
FROM unnest(%(reason)s::text[], %(event)s::text[]) AS e (reason, event)
ON CONFLICT (fingerprint) DO NOTHING;

-- name: attempts-in-doubt
-- For people: the attempts of a campaign of which nobody knows whether they were submitted. It reads all attempts of the campaign.
SELECT o.number, a.recipient_id, a.attempt, a.channel, a.submitted_at, a.occurrence_id
FROM outcamp.occurrences o JOIN outcamp.attempts a USING (occurrence_id)
WHERE o.campaign_id = %(campaign_id)s AND a.disposition = 'unknown'
ORDER BY o.number, a.recipient_id, a.attempt;
