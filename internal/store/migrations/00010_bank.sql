-- room: bank
-- +goose Up
CREATE TABLE bank (
    id        BIGINT  NOT NULL PRIMARY KEY,
    name      TEXT    NOT NULL UNIQUE,
    category  TEXT    NOT NULL,
    trust     TEXT    NOT NULL,
    threshold BIGINT  NOT NULL,
    disabled  BOOLEAN NOT NULL,
    created   BIGINT  NOT NULL
);
CREATE TABLE bank_rev (
    id  BIGINT NOT NULL PRIMARY KEY,
    rev BIGINT NOT NULL -- grows with every change that an index must notice
);
CREATE TABLE bank_entry (
    id        BIGINT NOT NULL PRIMARY KEY,
    bank      BIGINT NOT NULL,
    rev       BIGINT NOT NULL,
    identity  BYTEA  NOT NULL, -- SHA-256 over all hashes of the row: the same row again is a duplicate
    pdq       BYTEA,
    profile   TEXT   NOT NULL,
    md5       BYTEA,
    sha1      BYTEA,
    sha256    BYTEA,
    tag       TEXT   NOT NULL,
    member    TEXT   NOT NULL,
    source_id TEXT   NOT NULL,
    note      TEXT   NOT NULL,
    flagged   BIGINT NOT NULL, -- when a person found that it is not abuse; 0 = never
    UNIQUE (bank, identity)
);
CREATE INDEX bank_entry_rev ON bank_entry (rev);
