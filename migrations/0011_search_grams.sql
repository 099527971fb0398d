-- What the search index knows: which messages may contain a string, and up to
-- which UID each mailbox has been read.

CREATE TABLE search_grams (
    account_id bigint  NOT NULL,
    message_id bigint  NOT NULL,
    whole      boolean NOT NULL,
    grams      int4[]  NOT NULL
) PARTITION BY HASH (account_id);
ALTER TABLE search_grams ALTER COLUMN grams SET STORAGE EXTERNAL;

DO $$
BEGIN
    FOR i IN 0..31 LOOP
        EXECUTE format('CREATE TABLE search_grams_%s PARTITION OF search_grams FOR VALUES WITH (MODULUS 32, REMAINDER %s)
            WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02)', lpad(i::text, 2, '0'), i);
        EXECUTE format('CREATE UNIQUE INDEX search_grams_%s_message ON search_grams_%s (message_id)', lpad(i::text, 2, '0'), lpad(i::text, 2, '0'));
        EXECUTE format('CREATE INDEX search_grams_%s_grams ON search_grams_%s USING gin (grams)
            WITH (fastupdate = on, gin_pending_list_limit = 131072)', lpad(i::text, 2, '0'), lpad(i::text, 2, '0'));
        EXECUTE format('ALTER TABLE search_grams_%s ALTER COLUMN grams SET STATISTICS 0', lpad(i::text, 2, '0'));
    END LOOP;
END $$;

CREATE INDEX search_grams_partly ON search_grams (account_id, message_id) WHERE NOT whole;

CREATE TABLE search_state (
    account_id  bigint NOT NULL,
    mailbox_id  bigint NOT NULL,
    indexed_uid bigint NOT NULL,
    PRIMARY KEY (account_id, mailbox_id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
