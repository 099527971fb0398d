-- The secrets that sign return addresses of forwarded mail, and complaints by account.

CREATE TABLE return_secrets (
    id         bigint PRIMARY KEY,
    secret     bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX delivery_events_complaints ON delivery_events (account_id, at) WHERE kind = 'complaint';
