-- The whole schema of postroom as of the last migration, for reading: a test
-- proves that the migrations make the same. account_id leads the key of all
-- that belongs to a mailbox; no foreign key crosses accounts and there is no
-- trigger, so that it can be distributed by account. What comes from a message
-- is bytea. Month partitions of delivery_events are made at run time.

-- Which migrations ran. The runner makes it before the first.
CREATE TABLE schema_migrations (
    version    integer PRIMARY KEY,
    name       text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- One row: which cluster this database was last served from, and which master
-- key seals its secrets.
CREATE TABLE instance (
    one                    boolean PRIMARY KEY DEFAULT true CHECK (one),
    system_identifier      bigint,
    timeline               integer,
    master_key_fingerprint bytea,
    queue_held_at          timestamptz -- set by after-restore: new leases wait for review
);
INSERT INTO instance DEFAULT VALUES;

-- Leased node slots: ten bits of every id made in Go.
CREATE TABLE nodes (
    slot        integer PRIMARY KEY CHECK (slot BETWEEN 0 AND 1023),
    token       bigint      NOT NULL,
    name        text        NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT now(),
    lease_until timestamptz NOT NULL,
    last_millis bigint      NOT NULL DEFAULT 0 -- ids of this slot up to here may exist
);

-- Settings that change without a restart: name and JSON value.
CREATE TABLE settings (
    name       text PRIMARY KEY,
    value      jsonb       NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Who changed what: one row per administrative action, in its transaction.
CREATE TABLE audit_log (
    id     bigint PRIMARY KEY,
    at     timestamptz NOT NULL DEFAULT now(),
    actor  text  NOT NULL,
    action text  NOT NULL,
    target text  NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}'
);

-- ---------------------------------------------------------------- directory

-- Mail domains served here; name is the A-label in lower case.
CREATE TABLE domains (
    id         bigint PRIMARY KEY,
    name       text        NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- DKIM keys of a domain; secret is sealed under the master key.
CREATE TABLE domain_keys (
    id         bigint PRIMARY KEY,
    domain_id  bigint      NOT NULL REFERENCES domains,
    selector   text        NOT NULL,
    algorithm  text        NOT NULL CHECK (algorithm IN ('rsa', 'ed25519')),
    secret     bytea       NOT NULL,
    public     bytea       NOT NULL, -- the octets of the p= tag
    created_at timestamptz NOT NULL DEFAULT now(),
    retired_at timestamptz,
    UNIQUE (domain_id, selector)
);

-- What signs the return addresses of forwarded mail (internal/srs): the newest
-- signs, all verify; secret is sealed under the master key.
CREATE TABLE return_secrets (
    id         bigint PRIMARY KEY,
    secret     bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- The MTA-STS policy that a domain publishes; without a row it has none.
CREATE TABLE mtasts_policies (
    domain_id bigint PRIMARY KEY REFERENCES domains,
    mode      text    NOT NULL CHECK (mode IN ('none', 'testing', 'enforce')),
    max_age   integer NOT NULL CHECK (max_age BETWEEN 1 AND 31557600), -- seconds
    mx        text[]  NOT NULL -- A-labels; a first label * stands for any
);

-- People and roles. A deleted account keeps its mail for the restore window.
CREATE TABLE accounts (
    id               bigint PRIMARY KEY,
    domain_id        bigint      NOT NULL REFERENCES domains,
    local_key        text        NOT NULL, -- primary address, as in addresses
    name             text        NOT NULL DEFAULT '',
    quota_bytes      bigint      NOT NULL DEFAULT 0 CHECK (quota_bytes >= 0), -- 0: none
    change_seq       bigint      NOT NULL DEFAULT 1, -- grows with names, subscriptions, rights, credentials
    uidvalidity_last bigint      NOT NULL DEFAULT 0, -- the last UIDVALIDITY given out
    created_at       timestamptz NOT NULL DEFAULT now(),
    disabled_at      timestamptz,
    deleted_at       timestamptz,
    quota_messages   bigint      NOT NULL DEFAULT 0 CHECK (quota_messages >= 0), -- 0: none
    imap_without     text[]      NOT NULL DEFAULT '{}', -- IMAP capabilities not offered: NAME or NAME:client
    admin            boolean     NOT NULL DEFAULT false -- may set the quotas of others
);

-- Every local address: of an account (account_id set) or an alias (targets in
-- alias_targets). local_key is NFC and lower case; '' is the catch-all.
CREATE TABLE addresses (
    domain_id  bigint      NOT NULL REFERENCES domains,
    local_key  text        NOT NULL,
    local      text        NOT NULL, -- as the administrator spelled it
    account_id bigint      REFERENCES accounts,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (domain_id, local_key)
);
-- For: the addresses of an account.
CREATE INDEX addresses_account ON addresses (account_id) WHERE account_id IS NOT NULL;

-- Where an alias leads: local or outside addresses.
CREATE TABLE alias_targets (
    domain_id bigint NOT NULL,
    local_key text   NOT NULL,
    target    text   NOT NULL, -- local@a-label
    target_key text  NOT NULL, -- lower(local)@a-label, for comparing
    PRIMARY KEY (domain_id, local_key, target_key),
    FOREIGN KEY (domain_id, local_key) REFERENCES addresses ON DELETE CASCADE
);
-- For: which aliases lead to an account's address (may it send as them?).
CREATE INDEX alias_targets_target ON alias_targets (target_key);

-- Passwords: at most one chosen one per account, and app passwords.
CREATE TABLE credentials (
    id           bigint PRIMARY KEY,
    account_id   bigint      NOT NULL REFERENCES accounts,
    kind         text        NOT NULL CHECK (kind IN ('password', 'app')),
    label        text        NOT NULL DEFAULT '',
    prefix       text        CHECK ((kind = 'app') = (prefix IS NOT NULL)), -- public part of an app password
    hash         text        NOT NULL, -- password: argon2id PHC string; app: hex SHA-256
    scram        text,                 -- app: SCRAM-SHA-256 stored form, 'iter:salt:stored:server'
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    revoked_at   timestamptz
);
-- For: an app password by its public prefix.
CREATE UNIQUE INDEX credentials_prefix ON credentials (prefix) WHERE prefix IS NOT NULL;
-- For: the one chosen password of an account.
CREATE UNIQUE INDEX credentials_password ON credentials (account_id) WHERE kind = 'password' AND revoked_at IS NULL;
-- For: listing an account's credentials.
CREATE INDEX credentials_account ON credentials (account_id);

-- Next hops that replace the MX look-up; domain '' is for all other domains.
CREATE TABLE smarthosts (
    domain     text PRIMARY KEY, -- recipient domain, A-label, or ''
    host       text        NOT NULL,
    port       integer     NOT NULL CHECK (port BETWEEN 1 AND 65535),
    tls        text        NOT NULL CHECK (tls IN ('implicit', 'starttls', 'none')),
    username   text        NOT NULL DEFAULT '',
    password   bytea,      -- sealed under the master key
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Certificates that an authority issued by ACME, and names that wait for one.
-- Every node serves what stands here; a row is replaced whole.
CREATE TABLE certificates (
    name           text PRIMARY KEY, -- A-label
    sealed         bytea, -- chain and private key, sealed under the master key; NULL: none yet
    directory      text        NOT NULL DEFAULT '', -- ACME directory it came from
    issuer         text        NOT NULL DEFAULT '', -- common name
    not_before     timestamptz,
    not_after      timestamptz,
    issued_at      timestamptz, -- nodes load it again when this changes
    error          text        NOT NULL DEFAULT '', -- of the last attempt; '' when it went well
    failures       integer     NOT NULL DEFAULT 0,  -- attempts since the last success
    failed_at      timestamptz,
    retry_at       timestamptz, -- no node tries before
    renew_asked_at timestamptz, -- an administrator wants a new one now
    CHECK ((sealed IS NULL) = (issued_at IS NULL) AND (sealed IS NULL) = (not_after IS NULL) AND (sealed IS NULL) = (not_before IS NULL))
);

-- What the ACME client keeps: accounts, challenges under way, issued parts.
CREATE TABLE acme_files (
    path       text PRIMARY KEY,
    sealed     bytea       NOT NULL, -- sealed under the master key
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Which node does what of ACME now. A lease that ran out is free for others.
CREATE TABLE acme_locks (
    name        text PRIMARY KEY,
    token       bigint      NOT NULL, -- of the holder
    lease_until timestamptz NOT NULL
);

-- Keys of TLS session tickets, one a day, random and deleted after three days:
-- who gets hold of the master key later opens no older session by them.
CREATE TABLE ticket_keys (
    day    date PRIMARY KEY, -- UTC
    sealed bytea NOT NULL -- sealed under the master key
);

-- ---------------------------------------------------------------- mailboxes

-- Names and roles of mailboxes: changes seldom.
CREATE TABLE mailboxes (
    account_id  bigint      NOT NULL,
    id          bigint      NOT NULL,
    name        text        NOT NULL, -- UTF-8 in NFC, hierarchy separator '/', INBOX in capitals
    uidvalidity bigint      NOT NULL CHECK (uidvalidity BETWEEN 1 AND 4294967295),
    special_use text        NOT NULL DEFAULT '', -- '' or '\Sent' …; RFC 6154
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, name)
);

-- Subscribed names, which may name no mailbox (RFC 9051 §6.3.7).
CREATE TABLE subscriptions (
    account_id bigint NOT NULL,
    name       text   NOT NULL,
    PRIMARY KEY (account_id, name)
);

-- Annotations (RFC 5464) of mailboxes and, with mailbox_id 0, an account's own of
-- the server. A removed one stays for a while, so that sessions learn of it.
CREATE TABLE metadata (
    account_id bigint NOT NULL, -- whose mailbox it is
    mailbox_id bigint NOT NULL,
    user_id    bigint NOT NULL, -- whose private entry it is; 0: shared
    entry      text   NOT NULL, -- '/private/comment', in lower case
    value      bytea,           -- NULL: removed
    seq        bigint NOT NULL, -- accounts.change_seq at its last change
    PRIMARY KEY (account_id, mailbox_id, user_id, entry)
);
-- For: what changed since a session looked.
CREATE INDEX metadata_seq ON metadata (account_id, seq);

-- Who else may do what with a mailbox (RFC 4314). The owner may do all, and has no
-- row. A change is made under the mailbox's lock.
CREATE TABLE acl (
    account_id bigint   NOT NULL, -- the owner
    mailbox_id bigint   NOT NULL,
    user_id    bigint   NOT NULL, -- 0: anyone
    rights     smallint NOT NULL CHECK (rights BETWEEN 1 AND 2047), -- bits of internal/mail.Rights
    PRIMARY KEY (account_id, mailbox_id, user_id)
);
-- For: what is shared with a user.
CREATE INDEX acl_user ON acl (user_id, account_id, mailbox_id);

-- The lock of a mailbox: whoever writes to it holds this row, so commit order is
-- modseq order. Its counters stand in the newest row of mailbox_changes: a row
-- that each delivery updates would leave a version behind for every delivery as
-- long as some snapshot (a dump) is open, and each look-up would walk past them.
CREATE TABLE mailbox_state (
    account_id     bigint NOT NULL,
    mailbox_id     bigint NOT NULL,
    vanished_floor bigint NOT NULL DEFAULT 0, -- expunges at or below are no longer listed
    changes_floor  bigint NOT NULL DEFAULT 0, -- mailbox_changes at or below may be gone
    recent_uid     bigint NOT NULL DEFAULT 0, -- UIDs up to here were \Recent to someone
    PRIMARY KEY (account_id, mailbox_id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

-- Keywords of an account, numbered in the order of first use.
CREATE TABLE keywords (
    account_id bigint   NOT NULL,
    id         smallint NOT NULL,
    name       text     NOT NULL, -- as first spelled; compared without case
    PRIMARY KEY (account_id, id)
);
-- For: one number per name, whatever its case.
CREATE UNIQUE INDEX keywords_name ON keywords (account_id, lower(name));

-- The immutable part of a message: written once, shared by COPY.
CREATE TABLE messages (
    account_id    bigint NOT NULL,
    id            bigint NOT NULL,
    blob_id       bigint NOT NULL,
    prefix        bytea  NOT NULL, -- this recipient's trace, before the blob's octets
    size          bigint NOT NULL, -- octets, prefix included
    header_size   bigint NOT NULL, -- octets of the blob's header, without prefix
    fields        bytea  NOT NULL, -- the raw lines clients list by
    envelope      bytea  NOT NULL, -- IMAP wire form
    bodystructure bytea  NOT NULL, -- IMAP wire form
    parts         bytea  NOT NULL, -- offsets of the MIME parts in the blob
    preview       text   NOT NULL,
    thread_id     bigint NOT NULL, -- of the first msg-id in References, In-Reply-To or Message-ID; else id
    message_id    text   NOT NULL, -- Message-ID field, cleaned; '' when none
    sent_at       timestamptz,     -- Date field
    trace_id      bigint NOT NULL, -- queue id; 0 for APPEND
    PRIMARY KEY (account_id, id)
) PARTITION BY HASH (account_id);

-- A message's place in a mailbox and what can change about it. No index on
-- modseq or flags: their updates stay HOT.
CREATE TABLE mailbox_messages (
    account_id  bigint      NOT NULL,
    mailbox_id  bigint      NOT NULL,
    uid         bigint      NOT NULL,
    message_id  bigint      NOT NULL,
    modseq      bigint      NOT NULL,
    flags       smallint    NOT NULL, -- bits of internal/mail.Flags
    keywords    smallint[]  NOT NULL DEFAULT '{}', -- keywords.id, ascending
    received_at timestamptz NOT NULL, -- INTERNALDATE
    saved_at    timestamptz NOT NULL,
    size        bigint      NOT NULL,
    PRIMARY KEY (account_id, mailbox_id, uid)
) PARTITION BY HASH (account_id);

DO $$
BEGIN
    FOR i IN 0..31 LOOP
        EXECUTE format('CREATE TABLE messages_%s PARTITION OF messages FOR VALUES WITH (MODULUS 32, REMAINDER %s)
            WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02)', lpad(i::text, 2, '0'), i);
        EXECUTE format('CREATE TABLE mailbox_messages_%s PARTITION OF mailbox_messages FOR VALUES WITH (MODULUS 32, REMAINDER %s)
            WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02)', lpad(i::text, 2, '0'), i);
        EXECUTE format('CREATE STATISTICS mailbox_messages_%s_mailbox (ndistinct, dependencies)
            ON account_id, mailbox_id FROM mailbox_messages_%s', lpad(i::text, 2, '0'), lpad(i::text, 2, '0'));
    END LOOP;
END $$;

-- For: does anything still use this messages row (sweep). Not led by account_id:
-- a plan made while the table was empty would take it for as good as the
-- primary key, and read the whole account.
CREATE INDEX mailbox_messages_message ON mailbox_messages (message_id);

-- One append-only row per writing statement and mailbox, written under the
-- mailbox lock: wake-ups and CHANGEDSINCE read it instead of scanning. Each has
-- the mailbox's counters as the statement left them, so SELECT, STATUS and quota
-- never count rows. The newest is never swept; the first is made with the mailbox.
CREATE TABLE mailbox_changes (
    account_id    bigint         NOT NULL,
    mailbox_id    bigint         NOT NULL,
    modseq        bigint         NOT NULL,
    kind          "char"         NOT NULL CHECK (kind IN ('a', 'f', 'x', 'c')), -- added, flags, expunged; counters only
    uids          int8multirange NOT NULL,
    at            timestamptz    NOT NULL DEFAULT now(),
    uidnext       bigint         NOT NULL, -- the UID that the next message gets
    messages      bigint         NOT NULL,
    unseen        bigint         NOT NULL,
    deleted       bigint         NOT NULL, -- messages with \Deleted
    bytes         bigint         NOT NULL,
    deleted_bytes bigint         NOT NULL,
    PRIMARY KEY (account_id, mailbox_id, modseq, kind)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

-- A mailbox with its counters, by one step back in the key of mailbox_changes.
CREATE VIEW mailbox_counters AS
    SELECT s.account_id, s.mailbox_id, c.uidnext, c.modseq AS highestmodseq, s.vanished_floor, s.changes_floor,
        s.recent_uid, c.messages, c.unseen, c.deleted, c.bytes, c.deleted_bytes
    FROM mailbox_state s CROSS JOIN LATERAL (
        SELECT * FROM mailbox_changes n WHERE n.account_id = s.account_id AND n.mailbox_id = s.mailbox_id
        ORDER BY n.modseq DESC LIMIT 1) c;

-- What an account's mailboxes hold together.
CREATE VIEW account_totals AS
    SELECT account_id, sum(messages)::bigint AS messages, sum(bytes)::bigint AS bytes
    FROM mailbox_counters GROUP BY account_id;

-- Expunged messages for the restore window; only views that still hold the
-- message, and restore, read it.
CREATE TABLE expunged (
    account_id  bigint      NOT NULL,
    mailbox_id  bigint      NOT NULL,
    uid         bigint      NOT NULL,
    message_id  bigint      NOT NULL,
    modseq      bigint      NOT NULL, -- of the expunge
    flags       smallint    NOT NULL,
    keywords    smallint[]  NOT NULL DEFAULT '{}',
    received_at timestamptz NOT NULL,
    saved_at    timestamptz NOT NULL,
    size        bigint      NOT NULL,
    expunged_at timestamptz NOT NULL DEFAULT now(),
    moved       boolean     NOT NULL DEFAULT false, -- by MOVE: the message lives on elsewhere
    PRIMARY KEY (account_id, mailbox_id, uid)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
-- For: the sweep takes the oldest.
CREATE INDEX expunged_at ON expunged (expunged_at);
-- For: does anything still use this messages row.
CREATE INDEX expunged_message ON expunged (message_id);

-- The octets of messages, as zstd frames of at most 512 KiB plain octets, so
-- that any size is read in constant memory and at any offset.
CREATE TABLE blobs (
    blob_id bigint  NOT NULL,
    chunk   integer NOT NULL,
    data    bytea   NOT NULL,
    PRIMARY KEY (blob_id, chunk)
) WITH (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE blobs ALTER COLUMN data SET STORAGE EXTERNAL;

-- Who uses a blob: one row per messages row or queued message, written with it.
CREATE TABLE blob_refs (
    blob_id    bigint NOT NULL,
    account_id bigint NOT NULL, -- 0 for a queued message
    holder     bigint NOT NULL, -- messages.id or queue_messages.id
    PRIMARY KEY (blob_id, account_id, holder)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

-- Blobs that lost a user: the sweep rechecks these after an hour.
CREATE TABLE blob_orphans (
    blob_id    bigint PRIMARY KEY,
    orphan_at  timestamptz NOT NULL DEFAULT now()
);

-- Fingerprints of accepted messages whose 250 the peer may not have read: a
-- retry within four hours is answered with the first id.
CREATE TABLE accepted (
    fingerprint bytea PRIMARY KEY,
    trace_id    bigint      NOT NULL,
    accepted_at timestamptz NOT NULL DEFAULT now()
);
-- For: the sweep takes what is older than four hours.
CREATE INDEX accepted_at ON accepted (accepted_at);

-- ---------------------------------------------------------------- search

-- The search index says which messages may contain a string, by the grams (three
-- characters of a word) of all that SEARCH looks at. It is made behind delivery.

-- The messages that it knows, each in at least one segment.
CREATE TABLE search_messages (
    message_id bigint  PRIMARY KEY,
    account_id bigint  NOT NULL,
    -- SEARCH looks at the texts of the message's documents, and a segment has
    -- their grams.
    documents  boolean NOT NULL DEFAULT false
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

-- Segments (internal/postings): made of the messages of one batch, never
-- changed, merged with others of their size into a larger one. Messages that
-- are gone stay in them until a merge.
CREATE TABLE search_segments (
    account_id bigint   NOT NULL,
    segment_id bigint   GENERATED ALWAYS AS IDENTITY,
    octets     int      NOT NULL, -- of its blocks
    messages   bigint[] NOT NULL,
    PRIMARY KEY (account_id, segment_id)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE search_segments ALTER COLUMN messages SET STORAGE EXTERNAL, ALTER COLUMN messages SET STATISTICS 0;

-- Their grams with the messages that have them, by the first gram of each block.
CREATE TABLE search_blocks (
    account_id bigint NOT NULL,
    segment_id bigint NOT NULL,
    first_gram int    NOT NULL,
    data       bytea  NOT NULL,
    PRIMARY KEY (account_id, segment_id, first_gram)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
-- Lists of numbers do not compress again.
ALTER TABLE search_blocks ALTER COLUMN data SET STORAGE EXTERNAL, ALTER COLUMN data SET STATISTICS 0;

-- How many messages in an account's segments are gone: with half of them the
-- sweep writes the segments anew.
CREATE TABLE search_dead (
    account_id bigint PRIMARY KEY,
    messages   bigint NOT NULL
) WITH (fillfactor = 80);

-- Up to which UID a mailbox is indexed: every message at or below it has its
-- row in search_messages. Without a row: none.
CREATE TABLE search_state (
    account_id  bigint NOT NULL,
    mailbox_id  bigint NOT NULL,
    indexed_uid bigint NOT NULL,
    -- Of what is indexed, up to here documents were read too; 0 without a
    -- program that reads them.
    documents_uid bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, mailbox_id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

-- What a program read from the PDF and office files in messages, by the place
-- of the file's part. Empty where nothing could be read. It goes with its blob.
CREATE TABLE document_texts (
    blob_id bigint NOT NULL,
    off     bigint NOT NULL, -- of the part's body
    body    text   NOT NULL,
    PRIMARY KEY (blob_id, off)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

-- ---------------------------------------------------------------- queue

-- What the queue entries of one message share; id is the trace id.
CREATE TABLE queue_messages (
    id         bigint PRIMARY KEY,
    blob_id    bigint      NOT NULL,
    account_id bigint      NOT NULL, -- submitter; 0 for forwarded mail and DSNs
    sender     text        NOT NULL, -- reverse-path, '' for <>
    prefix     bytea       NOT NULL, -- our header fields before the blob's octets
    size       bigint      NOT NULL, -- octets, prefix included
    header_size bigint     NOT NULL, -- octets of the blob's header
    ret        smallint    NOT NULL,
    envid      text        NOT NULL,
    utf8       boolean     NOT NULL,
    body8bit   boolean     NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

-- One recipient of one message on its way out. docs/queue.md states each
-- state, its mover, and what a crash leaves in it.
CREATE TABLE queue_entries (
    id              bigint PRIMARY KEY,
    queue_message_id bigint     NOT NULL REFERENCES queue_messages,
    recipient       text        NOT NULL,
    domain          text        NOT NULL, -- destination: recipient's domain, A-label
    notify          smallint    NOT NULL,
    orcpt           text        NOT NULL,
    state           text        NOT NULL CHECK (state IN ('ready', 'leased', 'held')),
    attempts        integer     NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    lease_token     bigint,
    lease_until     timestamptz,
    delay_dsn_at    timestamptz, -- when the delay DSN was sent
    last_attempt_at timestamptz,
    last_code       integer     NOT NULL DEFAULT 0, -- SMTP reply code, 0: no reply
    last_status     text        NOT NULL DEFAULT '', -- enhanced status code
    last_text       text        NOT NULL DEFAULT '',
    last_remote     text        NOT NULL DEFAULT '', -- host [address] that said it
    CHECK ((state = 'leased') = (lease_token IS NOT NULL)),
    CHECK ((lease_token IS NULL) = (lease_until IS NULL))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
-- For: what is due, by destination.
CREATE INDEX queue_entries_due ON queue_entries (next_attempt_at, domain) WHERE state = 'ready';
-- For: leases that ran out.
CREATE INDEX queue_entries_lease ON queue_entries (lease_until) WHERE state = 'leased';
-- For: the entries of one destination.
CREATE INDEX queue_entries_domain ON queue_entries (domain, next_attempt_at);
-- For: the entries of one message; is it the last one?
CREATE INDEX queue_entries_message ON queue_entries (queue_message_id);

-- ---------------------------------------------------------------- sending

-- What accounts may send: a row of an account goes before one of its domain,
-- column by column; what neither sets is the program's default.
CREATE TABLE send_limits (
    id                     bigint PRIMARY KEY, -- accounts.id, or domains.id for all its accounts
    recipients_per_message integer CHECK (recipients_per_message >= 0), -- 0 here and below: no limit
    messages_per_hour      integer CHECK (messages_per_hour >= 0),
    messages_per_day       integer CHECK (messages_per_day >= 0),
    recipients_per_hour    integer CHECK (recipients_per_hour >= 0),
    recipients_per_day     integer CHECK (recipients_per_day >= 0),
    new_recipients_per_day integer CHECK (new_recipients_per_day >= 0),
    suspect_per_hour       integer CHECK (suspect_per_hour >= 0), -- new or failed recipients that hold the account
    pacing                 boolean -- over a limit: release evenly instead of refusing
);

-- What an account sent in one hour (UTC). Sums of 24 rows are its day: a row is
-- updated for an hour only, so that an open snapshot keeps few versions of it.
-- No index by hour: a plan made while the table was empty would take it for as
-- good as the primary key. The sweep reads it all, a few hundred rows by account.
CREATE TABLE sent_hours (
    account_id     bigint      NOT NULL,
    hour           timestamptz NOT NULL,
    messages       integer     NOT NULL DEFAULT 0, -- submitted
    recipients     integer     NOT NULL DEFAULT 0,
    new_recipients integer     NOT NULL DEFAULT 0, -- the account had never written to
    failures       integer     NOT NULL DEFAULT 0, -- queue entries that failed
    paced_until    timestamptz, -- when the last paced entry is due
    PRIMARY KEY (account_id, hour)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

-- Whom an account ever wrote to.
CREATE TABLE known_recipients (
    account_id bigint      NOT NULL,
    recipient  text        NOT NULL, -- lower(local)@a-label
    first_at   timestamptz NOT NULL DEFAULT now(),
    last_at    timestamptz NOT NULL DEFAULT now(), -- within a day
    PRIMARY KEY (account_id, recipient)
);

-- Accounts that sent as if stolen: until resumed_at is set, what they submit is
-- queued held.
CREATE TABLE send_holds (
    account_id bigint PRIMARY KEY,
    reason     text        NOT NULL,
    held_at    timestamptz NOT NULL DEFAULT now(),
    resumed_at timestamptz
);

-- Recipients that their own servers said do not exist, and those an
-- administrator added: submissions to them are refused.
CREATE TABLE suppressions (
    recipient  text PRIMARY KEY, -- lower(local)@a-label
    address    text        NOT NULL, -- as it was spelled
    reason     text        NOT NULL,
    trace_id   bigint      NOT NULL DEFAULT 0, -- of the message that bounced; 0: by hand
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
-- For: the sweep takes what expired.
CREATE INDEX suppressions_expires ON suppressions (expires_at);

-- ---------------------------------------------------------------- log-ins

-- Failed log-ins of the last hour, for all servers: by network (account_id 0), at
-- an account by strangers (network ::/0), and at an account from a network
-- that it has logged in from. A server adds what failed there once a second. The
-- sweep keeps 100,000 rows; no index but the key, so that every update is HOT.
CREATE TABLE login_failures (
    account_id bigint      NOT NULL, -- 0: whichever
    network    cidr        NOT NULL, -- an IPv4 /24 or an IPv6 /64; ::/0: whichever
    failures   integer     NOT NULL,
    last_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, network)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

-- Who logged in, or failed to, from where: what is alike is one row a day (UTC).
-- The key begins with what a log-in asks: has the account been in this network?
CREATE TABLE logins (
    account_id    bigint      NOT NULL,
    network       cidr        NOT NULL, -- as above; ::/0: one of more than are told apart
    day           date        NOT NULL,
    protocol      text        NOT NULL, -- smtp, imap
    mechanism     text        NOT NULL,
    credential_id bigint      NOT NULL DEFAULT 0, -- 0: a token, a certificate, or a failure
    reason        text        NOT NULL DEFAULT '', -- of a failure, as the log has it; '': success
    client        text        NOT NULL DEFAULT '', -- what it says it is: by IMAP ID, or EHLO
    tls           text        NOT NULL DEFAULT '', -- here and below: of the last
    peer          inet        NOT NULL,
    first_at      timestamptz NOT NULL DEFAULT now(),
    last_at       timestamptz NOT NULL DEFAULT now(),
    count         integer     NOT NULL,
    PRIMARY KEY (account_id, network, day, protocol, mechanism, credential_id, reason, client)
) WITH (fillfactor = 80);
-- For: the sweep takes old days. BRIN, which no other query can be planned with.
CREATE INDEX logins_day ON logins USING brin (day);
-- ---------------------------------------------------------------- receiving

-- The administrator's allow and block lists: whose mail is taken, or is not. A
-- row fits when both its sender and its network fit.
CREATE TABLE sender_rules (
    sender     text        NOT NULL, -- reverse-path as lower(local)@a-label, a domain with all below it, or '': any
    network    text        NOT NULL, -- of the peer, as 192.0.2.0/24, or '': any
    scope      bigint      NOT NULL, -- accounts.id, domains.id for all its accounts, or 0 for everybody
    allow      boolean     NOT NULL, -- or block
    note       text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (sender, network, scope),
    CHECK (sender <> '' OR network <> '')
);

-- Peers that look like no mail server, by what they tried and, once they came
-- again as mail servers do, by their network.
CREATE TABLE greylist (
    key       bytea PRIMARY KEY, -- SHA-256 of network, reverse-path and recipient, or of a network that passed
    first_at  timestamptz NOT NULL,
    last_at   timestamptz NOT NULL, -- of a network that passed: within a day
    passed_at timestamptz
);
-- For: the sweep takes what never came again.
CREATE INDEX greylist_waiting ON greylist (first_at) WHERE passed_at IS NULL;
-- For: the sweep takes what has not come for long.
CREATE INDEX greylist_passed ON greylist (last_at) WHERE passed_at IS NOT NULL;

-- What peers, networks and senders did, and accounts got, in one hour (UTC).
-- Each node adds its own counts now and then, and reads the sums.
CREATE TABLE peer_hours (
    subject    text        NOT NULL, -- ip:ADDRESS, net:NETWORK, from:DOMAIN of a reverse-path, to:ACCOUNT
    hour       timestamptz NOT NULL,
    messages   integer     NOT NULL,
    recipients integer     NOT NULL, -- accepted
    refused    integer     NOT NULL, -- recipients
    PRIMARY KEY (subject, hour)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

-- What was not taken for an account, or filed as junk; the newest 500 of each
-- within 30 days. What repeats is one row with a count.
CREATE TABLE rejects (
    account_id  bigint      NOT NULL,
    id          bigint      NOT NULL,
    same        bytea       NOT NULL, -- SHA-256 of what makes two of them one
    at          timestamptz NOT NULL, -- of the last one
    count       integer     NOT NULL,
    network     text        NOT NULL, -- of the peer
    sender      text        NOT NULL, -- reverse-path
    header_from text        NOT NULL, -- '' where the message was not seen
    subject     text        NOT NULL,
    action      text        NOT NULL CHECK (action IN ('refused', 'junked', 'greylisted')),
    reason      text        NOT NULL,
    trace_id    bigint      NOT NULL, -- 0 where there was no message yet
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, same)
);
-- For: the sweep takes the old.
CREATE INDEX rejects_at ON rejects (at);

-- The timeline of every message, written in the transactions it tells of.
CREATE TABLE delivery_events (
    at         timestamptz NOT NULL,
    id         bigint      NOT NULL,
    trace_id   bigint      NOT NULL,
    kind       text        NOT NULL,
    account_id bigint      NOT NULL DEFAULT 0,
    recipient  text        NOT NULL DEFAULT '',
    peer       text        NOT NULL DEFAULT '',
    text       text        NOT NULL DEFAULT ''
) PARTITION BY RANGE (at);
-- For: the timeline of one message.
CREATE INDEX delivery_events_trace ON delivery_events (trace_id);
-- For: how many complaints an account got lately.
CREATE INDEX delivery_events_complaints ON delivery_events (account_id, at) WHERE kind = 'complaint';
-- Catches what no month's partition takes; the maintenance worker makes the months.
CREATE TABLE delivery_events_rest PARTITION OF delivery_events DEFAULT;
