-- room: item
-- +goose Up
CREATE TABLE item (
    id        TEXT   NOT NULL PRIMARY KEY,
    source    TEXT   NOT NULL,
    idem_key  TEXT,            -- NULL when the platform gave none
    idem_hash TEXT   NOT NULL, -- SHA-256 of bytes and facts, to compare with
    state     TEXT   NOT NULL,
    received  BIGINT NOT NULL,
    bytes     BIGINT NOT NULL,
    md5       TEXT   NOT NULL,
    sha1      TEXT   NOT NULL,
    sha256    TEXT   NOT NULL,
    upload    BYTEA,           -- facts given with the bytes, sealed under the blob's key; NULL when not needed any more
    blob      TEXT   NOT NULL, -- sealed bytes in quarantine; '' when they are gone or moved into evidence
    key       TEXT   NOT NULL, -- quarantine key
    reason    TEXT   NOT NULL, -- why it could not be looked at
    keep      BIGINT NOT NULL, -- when the bytes of what could not be looked at go; 0 = not so
    UNIQUE (source, idem_key)
);
CREATE INDEX item_waiting ON item (state) WHERE state = 'received';
CREATE INDEX item_technical ON item (keep) WHERE keep <> 0;
CREATE INDEX item_key ON item (key) WHERE blob <> '';
CREATE INDEX item_blob ON item (blob) WHERE blob <> '';
