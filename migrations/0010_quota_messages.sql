-- A quota in messages beside that in octets.

ALTER TABLE accounts ADD COLUMN quota_messages bigint NOT NULL DEFAULT 0 CHECK (quota_messages >= 0);
