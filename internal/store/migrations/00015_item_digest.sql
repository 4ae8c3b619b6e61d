-- room: item
-- +goose Up
CREATE INDEX item_sha256 ON item (sha256); -- how often the same file came in
