-- room: access
-- +goose Up
CREATE TABLE installation (
    id           BIGINT NOT NULL PRIMARY KEY,
    profile      TEXT   NOT NULL,
    jurisdiction TEXT   NOT NULL,
    chosen       BIGINT NOT NULL
);
