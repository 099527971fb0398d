-- IMAP capabilities that an account's sessions do not get.

ALTER TABLE accounts ADD COLUMN imap_without text[] NOT NULL DEFAULT '{}';
