-- room: audit
-- +goose Up
CREATE TABLE audit_line (
    id      BIGINT NOT NULL PRIMARY KEY,
    at      BIGINT NOT NULL,
    actor   TEXT   NOT NULL,
    action  TEXT   NOT NULL,
    subject TEXT   NOT NULL,
    detail  TEXT   NOT NULL,
    seq     BIGINT UNIQUE,
    mac     BYTEA
);
CREATE INDEX audit_line_new ON audit_line (id) WHERE seq IS NULL;
CREATE TABLE audit_hash (
    id   BIGINT NOT NULL PRIMARY KEY,
    hash BYTEA  NOT NULL
);
CREATE TABLE audit_checkpoint (
    size BIGINT NOT NULL PRIMARY KEY,
    at   BIGINT NOT NULL,
    note TEXT   NOT NULL
);
