-- Certificates by ACME, and the keys of TLS session tickets, for all nodes.

CREATE TABLE certificates (
    name           text PRIMARY KEY,
    sealed         bytea,
    directory      text        NOT NULL DEFAULT '',
    issuer         text        NOT NULL DEFAULT '',
    not_before     timestamptz,
    not_after      timestamptz,
    issued_at      timestamptz,
    error          text        NOT NULL DEFAULT '',
    failures       integer     NOT NULL DEFAULT 0,
    failed_at      timestamptz,
    retry_at       timestamptz,
    renew_asked_at timestamptz,
    CHECK ((sealed IS NULL) = (issued_at IS NULL) AND (sealed IS NULL) = (not_after IS NULL) AND (sealed IS NULL) = (not_before IS NULL))
);

CREATE TABLE acme_files (
    path       text PRIMARY KEY,
    sealed     bytea       NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE acme_locks (
    name        text PRIMARY KEY,
    token       bigint      NOT NULL,
    lease_until timestamptz NOT NULL
);

CREATE TABLE ticket_keys (
    day    date PRIMARY KEY,
    sealed bytea NOT NULL
);
