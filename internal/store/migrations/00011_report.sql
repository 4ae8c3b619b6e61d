-- room: report
-- +goose Up
CREATE TABLE report (
    id          BIGINT NOT NULL PRIMARY KEY,
    key         TEXT   NOT NULL UNIQUE, -- recipient, environment, subject and incident: never filed twice
    recipient   TEXT   NOT NULL,
    environment TEXT   NOT NULL,
    subject     BIGINT NOT NULL,
    incident    TEXT   NOT NULL,
    case_id     BIGINT NOT NULL,
    seal        TEXT   NOT NULL, -- key that seals content and receipt
    content     BYTEA,           -- sealed; NULL once the key is destroyed
    state       TEXT   NOT NULL,
    resume      TEXT   NOT NULL, -- state to go on from after needs_human
    version     BIGINT NOT NULL, -- grows with every change; a writer that saw an older one is refused
    attempt     BIGINT NOT NULL,
    remote      BIGINT NOT NULL, -- id at the recipient; 0 = none
    file        TEXT   NOT NULL, -- id of the file at the recipient
    md5         TEXT   NOT NULL, -- of what was sent
    viewed      BOOLEAN NOT NULL, -- as the description sent says
    trouble     TEXT   NOT NULL, -- what a person must look at
    drafted     BIGINT NOT NULL,
    drafted_by  TEXT   NOT NULL,
    amended_by  TEXT   NOT NULL, -- who last added to the draft
    approved    BIGINT NOT NULL,
    approved_by TEXT   NOT NULL,
    finished    BIGINT NOT NULL,
    receipt     BYTEA,
    withdrawn   BOOLEAN NOT NULL
);
CREATE INDEX report_case ON report (case_id);
CREATE INDEX report_open ON report (id) WHERE state NOT IN ('draft', 'finished', 'retracted', 'needs_human');
CREATE TABLE report_call (
    id      BIGINT NOT NULL PRIMARY KEY,
    report  BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    call    TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    outcome TEXT   NOT NULL,
    code    BIGINT NOT NULL,
    request TEXT   NOT NULL
);
CREATE INDEX report_call_report ON report_call (report);
