-- room: task
-- +goose Up
CREATE TABLE task (
    id       BIGINT  NOT NULL PRIMARY KEY,
    kind     TEXT    NOT NULL,
    subject  TEXT    NOT NULL,
    due      BIGINT  NOT NULL,
    attempts BIGINT  NOT NULL,
    holder   TEXT    NOT NULL,
    fence    BIGINT  NOT NULL,
    expires  BIGINT  NOT NULL,
    rung     BIGINT  NOT NULL,
    error    TEXT    NOT NULL,
    UNIQUE (kind, subject)
);
CREATE INDEX task_due ON task (due);
