-- Accounts whose owners may set the quotas of others over IMAP (SETQUOTA).

ALTER TABLE accounts ADD COLUMN admin boolean NOT NULL DEFAULT false;
