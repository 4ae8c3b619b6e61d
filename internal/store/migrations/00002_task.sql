-- room: task
-- +goose Up
CREATE TABLE task (
    id       BIGINT NOT NULL PRIMARY KEY,
    kind     TEXT   NOT NULL,
    subject  TEXT   NOT NULL,
    due      BIGINT NOT NULL, -- law time
    rung     BIGINT NOT NULL, -- how often it was rung; a ring while it runs makes it run again
    attempts BIGINT NOT NULL, -- failures in a row
    error    TEXT   NOT NULL, -- of the last failure
    fence    BIGINT NOT NULL, -- how often it was claimed
    expires  BIGINT NOT NULL, -- lease time; 0 = nobody has it
    UNIQUE (kind, subject)
);
CREATE INDEX task_due ON task (due);
