-- MTA-STS policies of the domains.

CREATE TABLE mtasts_policies (
    domain_id bigint PRIMARY KEY REFERENCES domains,
    mode      text    NOT NULL CHECK (mode IN ('none', 'testing', 'enforce')),
    max_age   integer NOT NULL CHECK (max_age BETWEEN 1 AND 31557600),
    mx        text[]  NOT NULL
);
