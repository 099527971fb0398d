-- Whom mail is taken from: lists, greylisting, counters, and what was not taken.

CREATE TABLE sender_rules (
    sender     text        NOT NULL,
    network    text        NOT NULL,
    scope      bigint      NOT NULL,
    allow      boolean     NOT NULL,
    note       text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (sender, network, scope),
    CHECK (sender <> '' OR network <> '')
);

CREATE TABLE greylist (
    key       bytea PRIMARY KEY,
    first_at  timestamptz NOT NULL,
    last_at   timestamptz NOT NULL,
    passed_at timestamptz
);
CREATE INDEX greylist_waiting ON greylist (first_at) WHERE passed_at IS NULL;
CREATE INDEX greylist_passed ON greylist (last_at) WHERE passed_at IS NOT NULL;

CREATE TABLE peer_hours (
    subject    text        NOT NULL,
    hour       timestamptz NOT NULL,
    messages   integer     NOT NULL,
    recipients integer     NOT NULL,
    refused    integer     NOT NULL,
    PRIMARY KEY (subject, hour)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

CREATE TABLE rejects (
    account_id  bigint      NOT NULL,
    id          bigint      NOT NULL,
    same        bytea       NOT NULL,
    at          timestamptz NOT NULL,
    count       integer     NOT NULL,
    network     text        NOT NULL,
    sender      text        NOT NULL,
    header_from text        NOT NULL,
    subject     text        NOT NULL,
    action      text        NOT NULL CHECK (action IN ('refused', 'junked', 'greylisted')),
    reason      text        NOT NULL,
    trace_id    bigint      NOT NULL,
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, same)
);
CREATE INDEX rejects_at ON rejects (at);
