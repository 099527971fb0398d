-- Failed log-ins that all servers see, and the history of log-ins.

CREATE TABLE login_failures (
    account_id bigint      NOT NULL,
    network    cidr        NOT NULL,
    failures   integer     NOT NULL,
    last_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, network)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

CREATE TABLE logins (
    account_id    bigint      NOT NULL,
    network       cidr        NOT NULL,
    day           date        NOT NULL,
    protocol      text        NOT NULL,
    mechanism     text        NOT NULL,
    credential_id bigint      NOT NULL DEFAULT 0,
    reason        text        NOT NULL DEFAULT '',
    client        text        NOT NULL DEFAULT '',
    tls           text        NOT NULL DEFAULT '',
    peer          inet        NOT NULL,
    first_at      timestamptz NOT NULL DEFAULT now(),
    last_at       timestamptz NOT NULL DEFAULT now(),
    count         integer     NOT NULL,
    PRIMARY KEY (account_id, network, day, protocol, mechanism, credential_id, reason, client)
) WITH (fillfactor = 80);
CREATE INDEX logins_day ON logins USING brin (day);
