-- room: review
-- +goose Up
ALTER TABLE review_case ADD COLUMN entry BIGINT NOT NULL DEFAULT 0;      -- bank entry of the best match; 0 = opened before this was kept
ALTER TABLE review_case ADD COLUMN parked BIGINT NOT NULL DEFAULT 0;     -- until when it is out of the queue for advice; 0 = not parked
ALTER TABLE review_case ADD COLUMN parked_by TEXT NOT NULL DEFAULT '';
ALTER TABLE review_case ADD COLUMN advice BYTEA;                         -- sealed conversation; NULL = none
-- Facts stand before most columns of a row, so what the queue asks stands in its index.
DROP INDEX review_case_queue;
CREATE INDEX review_case_queue ON review_case (danger DESC, opened, id, claim_ends, parked) WHERE state = 'open';
CREATE INDEX review_case_second ON review_case (danger DESC, opened, id, decided_by) WHERE state = 'second';
CREATE INDEX review_case_claim ON review_case (claimed_by, claim_ends) WHERE claimed_by <> '';
CREATE INDEX review_case_parked ON review_case (parked, id, parked_by) WHERE parked <> 0;
CREATE INDEX review_case_entry ON review_case (entry, state, decision, id) WHERE entry <> 0;
CREATE INDEX review_case_subject ON review_case (subject, state, decision, id);
CREATE TABLE review_skip (
    actor   TEXT   NOT NULL,
    case_id BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (actor, case_id)
);
CREATE INDEX review_skip_case ON review_skip (case_id);
CREATE INDEX review_skip_at ON review_skip (at);
