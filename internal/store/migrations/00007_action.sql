-- room: action
-- +goose Up
CREATE TABLE action (
    id          BIGINT NOT NULL PRIMARY KEY,
    kind        TEXT   NOT NULL,
    key         TEXT   NOT NULL UNIQUE,
    subject     TEXT   NOT NULL,
    payload     TEXT   NOT NULL,
    after       BIGINT NOT NULL, -- action that must be over first; 0 = none
    state       TEXT   NOT NULL,
    proposed_by TEXT   NOT NULL,
    proposed    BIGINT NOT NULL,
    decided_by  TEXT   NOT NULL,
    decided     BIGINT NOT NULL,
    sent        BIGINT NOT NULL, -- when sending was first begun
    done        BIGINT NOT NULL,
    answer      TEXT   NOT NULL
);
CREATE INDEX action_open ON action (id) WHERE state IN ('proposed', 'approved', 'sending');
CREATE INDEX action_subject ON action (subject);
