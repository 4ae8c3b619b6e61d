-- room: store
-- +goose Up
CREATE TABLE law_clock (
    id   BIGINT NOT NULL PRIMARY KEY,
    high BIGINT NOT NULL
);
CREATE TABLE lease (
    name    TEXT   NOT NULL PRIMARY KEY,
    holder  TEXT   NOT NULL,
    fence   BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE TABLE asked (
    actor  TEXT   NOT NULL,
    op     TEXT   NOT NULL,
    key    TEXT   NOT NULL, -- Idempotency-Key
    body   TEXT   NOT NULL, -- SHA-256 of the request, hex
    answer TEXT   NOT NULL, -- JSON
    at     BIGINT NOT NULL,
    PRIMARY KEY (actor, op, key)
);
CREATE INDEX asked_at ON asked (at);
