-- room: report
-- +goose Up
-- What a report says about viewing stands from its approval on. Of one that was approved before that was
-- so and is not described yet, it is what its reveals say now.
UPDATE report SET viewed = TRUE WHERE approved <> 0
    AND (state IN ('approved', 'opening', 'opened', 'uploading', 'uploaded', 'describing', 'retracting')
        OR state = 'needs_human' AND resume IN ('approved', 'opening', 'opened', 'uploading', 'uploaded', 'describing', 'retracting'))
    AND EXISTS (SELECT 1 FROM reveal v WHERE v.case_id = report.case_id AND v.level = 'colour' AND v.whole AND v.served <> 0 AND v.shown >= 1000);
