-- room: subject
-- +goose Up
CREATE TABLE subject (
    id     BIGINT NOT NULL PRIMARY KEY,
    link   TEXT   NOT NULL UNIQUE, -- keyed hash of source and account, for links only
    since  BIGINT NOT NULL
);
