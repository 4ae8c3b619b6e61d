-- room: evidence
-- +goose Up
CREATE TABLE evidence (
    id        BIGINT  NOT NULL PRIMARY KEY,
    case_id   BIGINT  NOT NULL UNIQUE,
    item      TEXT    NOT NULL,
    blob      TEXT    NOT NULL,
    key       TEXT    NOT NULL,
    bytes     BIGINT  NOT NULL,
    sha256    TEXT    NOT NULL,
    state     TEXT    NOT NULL,
    since     BIGINT  NOT NULL,
    destroy   BIGINT  NOT NULL, -- when the bytes go; 0 while that waits for a person or a receipt
    why       TEXT    NOT NULL, -- which rule set destroy
    law       TEXT    NOT NULL,
    started   BIGINT  NOT NULL, -- event from which the lawful period counts
    stop      TEXT    NOT NULL, -- legal stop: who ordered that nothing is deleted; '' = none
    snapshot  TEXT    NOT NULL, -- blob of the sealed report as filed; '' = none
    destroyed BIGINT  NOT NULL
);
CREATE INDEX evidence_due ON evidence (destroy) WHERE destroy <> 0;
CREATE INDEX evidence_blob ON evidence (blob);
CREATE INDEX evidence_key ON evidence (key);
