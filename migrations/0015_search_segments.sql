-- The search index in segments: written once, merged by size, a sixth of
-- arrays under GIN and several times quicker to make. It is made anew; until it
-- knows a message, searches read it. Texts of documents stay.

DROP TABLE search_grams;

CREATE TABLE search_messages (
    message_id bigint  PRIMARY KEY,
    account_id bigint  NOT NULL,
    documents  boolean NOT NULL DEFAULT false
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

CREATE TABLE search_segments (
    account_id bigint   NOT NULL,
    segment_id bigint   GENERATED ALWAYS AS IDENTITY,
    octets     int      NOT NULL,
    messages   bigint[] NOT NULL,
    PRIMARY KEY (account_id, segment_id)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE search_segments ALTER COLUMN messages SET STORAGE EXTERNAL, ALTER COLUMN messages SET STATISTICS 0;

CREATE TABLE search_blocks (
    account_id bigint NOT NULL,
    segment_id bigint NOT NULL,
    first_gram int    NOT NULL,
    data       bytea  NOT NULL,
    PRIMARY KEY (account_id, segment_id, first_gram)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE search_blocks ALTER COLUMN data SET STORAGE EXTERNAL, ALTER COLUMN data SET STATISTICS 0;

CREATE TABLE search_dead (
    account_id bigint PRIMARY KEY,
    messages   bigint NOT NULL
) WITH (fillfactor = 80);

UPDATE search_state SET indexed_uid = 0, documents_uid = 0;
