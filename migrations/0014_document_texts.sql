-- Text that a program read from PDF and office files, for SEARCH.

CREATE TABLE document_texts (
    blob_id bigint NOT NULL,
    off     bigint NOT NULL,
    body    text   NOT NULL,
    PRIMARY KEY (blob_id, off)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

ALTER TABLE search_grams ADD COLUMN documents boolean NOT NULL DEFAULT false;
ALTER TABLE search_state ADD COLUMN documents_uid bigint NOT NULL DEFAULT 0;
