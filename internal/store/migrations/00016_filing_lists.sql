-- room: report
-- +goose Up
-- Lists show what waits for a person first, among many that are over.
CREATE INDEX report_state ON report (state, id);
CREATE INDEX action_state ON action (state, id);
