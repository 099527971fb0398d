-- Limits on what accounts send, what they sent, and who is not written to.

CREATE TABLE send_limits (
    id                     bigint PRIMARY KEY,
    recipients_per_message integer CHECK (recipients_per_message >= 0),
    messages_per_hour      integer CHECK (messages_per_hour >= 0),
    messages_per_day       integer CHECK (messages_per_day >= 0),
    recipients_per_hour    integer CHECK (recipients_per_hour >= 0),
    recipients_per_day     integer CHECK (recipients_per_day >= 0),
    new_recipients_per_day integer CHECK (new_recipients_per_day >= 0),
    suspect_per_hour       integer CHECK (suspect_per_hour >= 0),
    pacing                 boolean
);

CREATE TABLE sent_hours (
    account_id     bigint      NOT NULL,
    hour           timestamptz NOT NULL,
    messages       integer     NOT NULL DEFAULT 0,
    recipients     integer     NOT NULL DEFAULT 0,
    new_recipients integer     NOT NULL DEFAULT 0,
    failures       integer     NOT NULL DEFAULT 0,
    paced_until    timestamptz,
    PRIMARY KEY (account_id, hour)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

CREATE TABLE known_recipients (
    account_id bigint      NOT NULL,
    recipient  text        NOT NULL,
    first_at   timestamptz NOT NULL DEFAULT now(),
    last_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, recipient)
);

CREATE TABLE send_holds (
    account_id bigint PRIMARY KEY,
    reason     text        NOT NULL,
    held_at    timestamptz NOT NULL DEFAULT now(),
    resumed_at timestamptz
);

CREATE TABLE suppressions (
    recipient  text PRIMARY KEY,
    address    text        NOT NULL,
    reason     text        NOT NULL,
    trace_id   bigint      NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX suppressions_expires ON suppressions (expires_at);
