-- room: review
-- +goose Up
-- A page says once for how long it showed something, and not after its claim is over.
ALTER TABLE reveal ADD COLUMN told BIGINT NOT NULL DEFAULT 0;   -- when it said so; 0 = not yet
ALTER TABLE reveal ADD COLUMN closes BIGINT NOT NULL DEFAULT 0; -- until when it may
UPDATE reveal SET told = served WHERE shown <> 0;
