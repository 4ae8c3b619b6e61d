-- room: audit
-- +goose Up
CREATE TABLE audit_line (
    id      BIGINT NOT NULL PRIMARY KEY,
    at      BIGINT NOT NULL,
    actor   TEXT   NOT NULL,
    action  TEXT   NOT NULL,
    subject TEXT   NOT NULL,
    detail  TEXT   NOT NULL,
    seq     BIGINT,
    mac     TEXT
);
CREATE UNIQUE INDEX audit_line_seq ON audit_line (seq);
CREATE INDEX audit_line_new ON audit_line (id) WHERE seq IS NULL;
CREATE TABLE audit_hash (
    id   BIGINT NOT NULL PRIMARY KEY,
    hash BYTEA  NOT NULL
);
CREATE TABLE audit_checkpoint (
    size BIGINT NOT NULL PRIMARY KEY,
    at   BIGINT NOT NULL,
    keep BIGINT NOT NULL,
    note TEXT   NOT NULL
);
CREATE INDEX audit_checkpoint_loose ON audit_checkpoint (size) WHERE keep = 0;
