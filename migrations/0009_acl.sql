-- Access control lists of mailboxes.

CREATE TABLE acl (
    account_id bigint   NOT NULL,
    mailbox_id bigint   NOT NULL,
    user_id    bigint   NOT NULL,
    rights     smallint NOT NULL CHECK (rights BETWEEN 1 AND 2047),
    PRIMARY KEY (account_id, mailbox_id, user_id)
);

CREATE INDEX acl_user ON acl (user_id, account_id, mailbox_id);
