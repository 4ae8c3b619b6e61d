-- room: access
-- +goose Up
CREATE TABLE access_user (
    id       BIGINT NOT NULL PRIMARY KEY,
    name     TEXT   NOT NULL UNIQUE,
    roles    TEXT   NOT NULL,
    password TEXT   NOT NULL,
    created  BIGINT NOT NULL,
    disabled BIGINT NOT NULL
);
CREATE TABLE access_session (
    hash    BYTEA  NOT NULL PRIMARY KEY,
    id      TEXT   NOT NULL UNIQUE,
    user_id BIGINT NOT NULL REFERENCES access_user (id),
    opened  BIGINT NOT NULL,
    touched BIGINT NOT NULL
);
CREATE INDEX access_session_user ON access_session (user_id, opened);
CREATE TABLE access_key (
    id       BIGINT NOT NULL PRIMARY KEY,
    name     TEXT   NOT NULL UNIQUE,
    source   TEXT   NOT NULL,
    scopes   TEXT   NOT NULL,
    hash     BYTEA  NOT NULL,
    created  BIGINT NOT NULL,
    used_day BIGINT NOT NULL,
    revoked  BIGINT NOT NULL
);
