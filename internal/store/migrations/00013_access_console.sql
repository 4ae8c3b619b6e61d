-- room: access
-- +goose Up
ALTER TABLE access_session ADD COLUMN client TEXT NOT NULL DEFAULT ''; -- such as "Firefox, Linux", from a closed list; '' = not known
ALTER TABLE access_session ADD COLUMN locked BIGINT NOT NULL DEFAULT 0;
