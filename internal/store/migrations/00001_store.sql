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
