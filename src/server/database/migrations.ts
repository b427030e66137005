/**
 * The tables, as a list of steps that only grows: the version of a database is how many of them it has taken. pg-boss keeps its own
 * tables and versions in its own schema. What runs here needs the right to create; what runs later does not (docs/scale.md).
 */

/** Tickets are spread over a fixed number of pg-boss's queues, so that no table is made while the service runs. */
export const SHARDS = 8;
export const TICKET_KINDS = ["edits", "calls", "cells"] as const;
export type TicketKind = (typeof TICKET_KINDS)[number];
export const TICKET_QUEUES: readonly string[] = TICKET_KINDS.flatMap((kind) =>
  Array.from({ length: SHARDS }, (_, shard) => `${kind}-${shard}`),
);

export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE settings (name text PRIMARY KEY, value text NOT NULL);
  INSERT INTO settings VALUES ('id', gen_random_uuid()::text);

  -- A session's own row is what changes take turns at: it is locked by each of them.
  CREATE TABLE sessions (
    id text PRIMARY KEY,
    info json NOT NULL,
    -- The manifest without its nodes and pieces; json, not jsonb, since it is given back as it came.
    manifest json NOT NULL,
    name text NOT NULL,
    words text NOT NULL,
    model text NOT NULL,
    node_count integer NOT NULL,
    root text NOT NULL,
    modified bigint NOT NULL,
    expires bigint,
    binned bigint,
    -- Of the last change: one whose answer was lost on the way is known again by it.
    revision uuid NOT NULL
  );
  CREATE INDEX sessions_shown ON sessions (modified DESC, id) WHERE expires IS NULL AND binned IS NULL;
  CREATE INDEX sessions_binned ON sessions (binned) WHERE binned IS NOT NULL;
  CREATE INDEX sessions_expires ON sessions (expires) WHERE expires IS NOT NULL;

  CREATE TABLE nodes (
    session text NOT NULL REFERENCES sessions ON DELETE CASCADE,
    id text NOT NULL,
    place integer NOT NULL,
    node json NOT NULL,
    PRIMARY KEY (session, id)
  );
  CREATE TABLE pieces (
    session text NOT NULL REFERENCES sessions ON DELETE CASCADE,
    name text NOT NULL,
    place integer NOT NULL,
    entry json NOT NULL,
    blob text NOT NULL,
    PRIMARY KEY (session, name)
  );
  CREATE INDEX pieces_blob ON pieces (blob);
  CREATE TABLE files (
    session text NOT NULL REFERENCES sessions ON DELETE CASCADE,
    kind text NOT NULL,
    name text NOT NULL,
    blob text NOT NULL,
    PRIMARY KEY (session, kind, name)
  );
  CREATE INDEX files_blob ON files (blob);

  -- Every blob's name is here before it is written. In a bucket the bytes are there; pictures and latents are compressed already.
  CREATE TABLE blobs (name text PRIMARY KEY, bytes bytea, created timestamptz NOT NULL DEFAULT now());
  ALTER TABLE blobs ALTER COLUMN bytes SET STORAGE EXTERNAL;
  CREATE INDEX blobs_created ON blobs (created);
  `,
  `
  CREATE TABLE jobs (
    id text PRIMARY KEY,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    session text NOT NULL,
    model text NOT NULL,
    owner text NOT NULL,
    work json NOT NULL,
    state text NOT NULL DEFAULT 'waiting',
    created bigint NOT NULL,
    started bigint,
    finished bigint,
    attempts integer NOT NULL DEFAULT 0,
    worker text,
    nodes json NOT NULL DEFAULT '[]',
    replaced json,
    relevance json,
    kept boolean NOT NULL DEFAULT false,
    remarks json NOT NULL DEFAULT '[]',
    error json,
    -- Its ticket in the engine, and the turn that the ticket was given.
    ticket uuid,
    turn bigint,
    admitted timestamptz,
    -- Whoever holds the lease writes; each try has another one.
    lease uuid,
    lease_until timestamptz,
    asked text
  );
  CREATE INDEX jobs_waiting ON jobs (session, seq) WHERE state = 'waiting';
  CREATE INDEX jobs_running ON jobs (lease_until) WHERE state = 'running';
  CREATE INDEX jobs_session ON jobs (session, seq);
  CREATE INDEX jobs_finished ON jobs (finished DESC, seq DESC) WHERE finished IS NOT NULL;

  -- By session and by token: the last turn that it was given, and who served it last.
  CREATE TABLE turns (
    flow text PRIMARY KEY,
    turn bigint NOT NULL DEFAULT -1000,
    worker text,
    used timestamptz NOT NULL DEFAULT now()
  );
  -- The turn of what was begun last: who comes new begins there, neither before the others nor behind all of them.
  CREATE TABLE clock (one boolean PRIMARY KEY DEFAULT true CHECK (one), turn bigint NOT NULL);
  INSERT INTO clock VALUES (true, 0);
  `,
  `
  CREATE TABLE workers (
    name text PRIMARY KEY,
    facts json NOT NULL,
    state json NOT NULL,
    started timestamptz NOT NULL DEFAULT now(),
    seen timestamptz NOT NULL DEFAULT now()
  );
  CREATE TABLE calls (
    id uuid PRIMARY KEY,
    method text NOT NULL,
    model text NOT NULL,
    params bytea NOT NULL,
    worker text,
    lease_until timestamptz,
    tries integer NOT NULL DEFAULT 0,
    result bytea,
    error json,
    created timestamptz NOT NULL DEFAULT now()
  );
  CREATE TABLE events (id bigint PRIMARY KEY, event json NOT NULL, created timestamptz NOT NULL DEFAULT now());
  CREATE TABLE event_count (one boolean PRIMARY KEY DEFAULT true CHECK (one), number bigint NOT NULL);
  INSERT INTO event_count VALUES (true, 0);
  -- Numbers without gaps, in the order in which they become visible: the row is locked until the event is there.
  CREATE FUNCTION emit(event json) RETURNS bigint LANGUAGE sql AS $$
    WITH next AS (UPDATE @schema.event_count SET number = number + 1 RETURNING number),
         kept AS (INSERT INTO @schema.events (id, event) SELECT number, emit.event FROM next RETURNING id)
    SELECT id FROM kept
  $$;
  CREATE TABLE previews (
    job text NOT NULL,
    edit integer NOT NULL,
    session text NOT NULL,
    step integer NOT NULL,
    picture text NOT NULL,
    expires timestamptz NOT NULL,
    PRIMARY KEY (job, edit)
  );
  `,
  `
  CREATE TABLE tokens (
    name text PRIMARY KEY,
    hash text NOT NULL UNIQUE,
    per_second double precision NOT NULL,
    burst double precision NOT NULL,
    "left" double precision NOT NULL,
    filled timestamptz NOT NULL DEFAULT now(),
    created timestamptz NOT NULL DEFAULT now(),
    revoked timestamptz
  );
  -- Who a token is, and whether it may ask once more: one bucket for all servers.
  CREATE FUNCTION spend(given text, OUT name text, OUT allowed boolean) LANGUAGE sql AS $$
    UPDATE @schema.tokens t SET
      "left" = greatest(least(t.burst, t."left" + extract(epoch FROM clock_timestamp() - t.filled) * t.per_second) - 1, -1),
      filled = clock_timestamp()
    WHERE t.hash = given AND t.revoked IS NULL
    RETURNING t.name, t."left" >= 0
  $$;
  CREATE TABLE cells (
    key text PRIMARY KEY,
    run text NOT NULL,
    cell json NOT NULL,
    worker text,
    lease uuid,
    lease_until timestamptz,
    tries integer NOT NULL DEFAULT 0,
    turns json,
    error json,
    created timestamptz NOT NULL DEFAULT now()
  );
  `,
];

/** Search by a word looks into every session; with this it does not. Where the extension may not be made, it is only slower. */
export const SEARCH_INDEX = `
  DO $$ BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    EXECUTE 'CREATE INDEX IF NOT EXISTS sessions_words ON @schema.sessions USING gin (words ' ||
      (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE extname = 'pg_trgm') ||
      '.gin_trgm_ops)';
  EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported THEN
    RAISE NOTICE 'pg_trgm is not available: searching sessions reads all of them';
  END $$`;
