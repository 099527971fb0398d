-- The secrets that sign return addresses of forwarded mail.

CREATE TABLE return_secrets (
    id         bigint PRIMARY KEY,
    secret     bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
