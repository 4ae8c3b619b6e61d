-- room: review
-- +goose Up
CREATE TABLE review_case (
    id          BIGINT  NOT NULL PRIMARY KEY,
    item        TEXT    NOT NULL UNIQUE,
    subject     BIGINT  NOT NULL,
    incident    TEXT    NOT NULL,
    key         TEXT    NOT NULL, -- key that seals facts and words
    facts       BYTEA,            -- sealed; NULL once the key is destroyed
    bank        TEXT    NOT NULL, -- of the best match, for lists
    category    TEXT    NOT NULL,
    trust       TEXT    NOT NULL,
    reason      TEXT    NOT NULL, -- kind of the best match
    distance    BIGINT  NOT NULL,
    danger      BIGINT  NOT NULL, -- order of the queue, higher first
    state       TEXT    NOT NULL,
    opened      BIGINT  NOT NULL,
    claimed_by  TEXT    NOT NULL,
    claim_ends  BIGINT  NOT NULL, -- law time
    withheld    BIGINT  NOT NULL, -- when the withhold ends by itself; 0 = not withheld
    decision    TEXT    NOT NULL,
    role        TEXT    NOT NULL,
    pressure    BOOLEAN NOT NULL,
    words       BYTEA,            -- sealed; a person's own words
    observed    TEXT    NOT NULL, -- JSON
    decided_by  TEXT    NOT NULL,
    decided     BIGINT  NOT NULL,
    seconded_by TEXT    NOT NULL,
    seconded    BIGINT  NOT NULL,
    returns     BIGINT  NOT NULL  -- how often a second person sent it back
);
CREATE INDEX review_case_queue ON review_case (danger DESC, opened) WHERE state = 'open';
CREATE INDEX review_case_withheld ON review_case (withheld) WHERE withheld <> 0;
CREATE TABLE reveal (
    id      BIGINT NOT NULL PRIMARY KEY,
    case_id BIGINT NOT NULL,
    actor   TEXT   NOT NULL,
    level   TEXT   NOT NULL,
    whole   BOOLEAN NOT NULL, -- the whole file, not a part of it
    granted BIGINT NOT NULL,
    served  BIGINT NOT NULL,  -- when the last byte was written; 0 = never
    shown   BIGINT NOT NULL   -- milliseconds on the page; 0 = never
);
CREATE INDEX reveal_case ON reveal (case_id);
