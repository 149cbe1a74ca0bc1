-- What a person said to an occurrence that is reviewed (review: true). Null: nobody has to be asked.
ALTER TABLE outcamp.occurrences
    ADD COLUMN review      text CHECK (review IN ('pending', 'approved', 'rejected')),
    ADD COLUMN reviewed_at timestamptz;

-- Asked by every claim: nothing of these goes. There is at most one of a campaign, or, for a moment, two.
CREATE INDEX occurrences_pending ON outcamp.occurrences (campaign_id) WHERE review = 'pending';

-- A page asks for a campaign's newest waves; without this, those of all campaigns were read backwards until enough of its own were found.
CREATE INDEX waves_newest ON outcamp.waves (campaign_id, wave_id);
