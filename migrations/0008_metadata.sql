-- Annotations of mailboxes and of the server.

CREATE TABLE metadata (
    account_id bigint NOT NULL,
    mailbox_id bigint NOT NULL,
    user_id    bigint NOT NULL,
    entry      text   NOT NULL,
    value      bytea,
    seq        bigint NOT NULL,
    PRIMARY KEY (account_id, mailbox_id, user_id, entry)
);

CREATE INDEX metadata_seq ON metadata (account_id, seq);
