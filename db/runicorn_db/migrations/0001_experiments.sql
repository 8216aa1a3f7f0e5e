-- The index of experiments. Times are Unix seconds (UTC), sizes are bytes.

-- "Runi": tells an index from any other SQLite file.
PRAGMA application_id = 1383427689;

CREATE TABLE root (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    path TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL DEFAULT 'new',
    problem TEXT,
    is_writable INTEGER NOT NULL DEFAULT 1,
    added_at REAL NOT NULL,
    last_synced_at REAL,
    -- What the files that belong to the root as a whole looked like when they were last read.
    signature TEXT NOT NULL DEFAULT ''
);

-- One act of deletion.
CREATE TABLE batch (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at REAL NOT NULL,
    source TEXT NOT NULL,
    reason TEXT NOT NULL,
    query TEXT NOT NULL DEFAULT '',
    count INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL
);

-- seq orders as (created_at, id) does, so that every index that ends in it has the tie-break for free (see labels.py).
CREATE TABLE experiment (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    root_id INTEGER NOT NULL REFERENCES root (id) ON DELETE CASCADE,
    -- Run directory below the root, as the bytes of the file system.
    path BLOB NOT NULL,
    layout TEXT NOT NULL,
    project TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('running', 'finished', 'failed', 'interrupted')),
    exit_reason TEXT,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    started_at REAL,
    ended_at REAL,
    duration_seconds REAL,
    best_metric_name TEXT,
    best_metric_value REAL,
    best_metric_step INTEGER,
    best_metric_mode TEXT,
    pid INTEGER,
    hostname TEXT,
    description TEXT,
    -- JSON array and JSON object, for lists and details; experiment_tag and experiment_param are for filters.
    tags TEXT NOT NULL DEFAULT '[]',
    params TEXT NOT NULL DEFAULT '{}',
    size_bytes INTEGER,
    file_count INTEGER NOT NULL DEFAULT 0,
    has_environment INTEGER NOT NULL DEFAULT 0,
    is_pinned INTEGER NOT NULL DEFAULT 0,
    -- Set here (and so in the sidecar), not taken from the tracker's files.
    has_own_tags INTEGER NOT NULL DEFAULT 0,
    has_own_description INTEGER NOT NULL DEFAULT 0,
    has_own_pin INTEGER NOT NULL DEFAULT 0,
    -- Distinct steps with at least one metric.
    step_count INTEGER NOT NULL DEFAULT 0,
    first_step INTEGER,
    last_step INTEGER,
    last_event_at REAL,
    -- What the files say, before liveness was judged: status as written, in words of the four, and its end.
    recorded_status TEXT NOT NULL,
    -- The word itself.
    written_status TEXT NOT NULL DEFAULT '',
    deleted_at REAL,
    delete_reason TEXT,
    batch_id INTEGER REFERENCES batch (id),
    restored_at REAL,
    -- The directory was gone when the root was last read.
    missing_at REAL,
    -- A plain column: SQLite never calls an index with a generated one covering.
    live INTEGER NOT NULL DEFAULT 1 CHECK (live = (deleted_at IS NULL AND missing_at IS NULL))
);

-- Partial and covering: without `live` as a column SQLite reads the table to count.
CREATE INDEX experiment_created ON experiment (created_at, seq, live) WHERE live = 1;
CREATE INDEX experiment_project ON experiment (project, seq, status, created_at, best_metric_value, live) WHERE live = 1;
CREATE INDEX experiment_status ON experiment (status, seq, project, created_at, best_metric_value, live) WHERE live = 1;
CREATE INDEX experiment_name ON experiment (name, seq, live) WHERE live = 1;
CREATE INDEX experiment_updated ON experiment (updated_at, seq, live) WHERE live = 1;
CREATE INDEX experiment_best ON experiment (best_metric_value, seq, project, status, created_at, live) WHERE live = 1;
CREATE INDEX experiment_batch ON experiment (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX experiment_root ON experiment (root_id, path);

-- Every run directory that was found, and what its files looked like when they were last read.
CREATE TABLE run_directory (
    root_id INTEGER NOT NULL REFERENCES root (id) ON DELETE CASCADE,
    path BLOB NOT NULL,
    id TEXT NOT NULL,
    -- NULL: another directory holds the experiment of this id.
    experiment_seq INTEGER REFERENCES experiment (seq) ON UPDATE CASCADE ON DELETE CASCADE,
    signature TEXT NOT NULL,
    -- What events.jsonl looked like when its series was last read; NULL: not read yet.
    events_signature TEXT,
    events_inode INTEGER,
    events_offset INTEGER NOT NULL DEFAULT 0,
    events_line INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (root_id, path)
) WITHOUT ROWID;
CREATE INDEX run_directory_experiment ON run_directory (experiment_seq);

-- What was skipped while reading; `owner` is what has to be read again to find out whether it is still so:
-- a run directory, its events.jsonl, or the root as a whole (empty).
CREATE TABLE problem (
    root_id INTEGER NOT NULL REFERENCES root (id) ON DELETE CASCADE,
    owner BLOB NOT NULL,
    path BLOB NOT NULL,
    message TEXT NOT NULL,
    line INTEGER,
    count INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (root_id, owner, path, message)
) WITHOUT ROWID;

CREATE TABLE experiment_tag (
    experiment_seq INTEGER NOT NULL REFERENCES experiment (seq) ON UPDATE CASCADE ON DELETE CASCADE,
    tag TEXT NOT NULL,
    PRIMARY KEY (experiment_seq, tag)
) WITHOUT ROWID;
CREATE INDEX experiment_tag_tag ON experiment_tag (tag, experiment_seq);

-- `number` is set where the value is a number (booleans as 0 and 1).
CREATE TABLE experiment_param (
    experiment_seq INTEGER NOT NULL REFERENCES experiment (seq) ON UPDATE CASCADE ON DELETE CASCADE,
    name TEXT NOT NULL,
    text TEXT NOT NULL,
    number REAL,
    PRIMARY KEY (experiment_seq, name)
) WITHOUT ROWID;
CREATE INDEX experiment_param_name ON experiment_param (name, number, experiment_seq);

CREATE TABLE metric_name (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);

-- One row for each metric of an experiment; non-finite values are NULL, min and max are of the finite ones.
CREATE TABLE metric (
    experiment_seq INTEGER NOT NULL REFERENCES experiment (seq) ON UPDATE CASCADE ON DELETE CASCADE,
    metric_id INTEGER NOT NULL REFERENCES metric_name (id),
    count INTEGER NOT NULL,
    first REAL,
    last REAL,
    min REAL,
    max REAL,
    min_step INTEGER,
    max_step INTEGER,
    first_step INTEGER NOT NULL,
    last_step INTEGER NOT NULL,
    PRIMARY KEY (experiment_seq, metric_id)
) WITHOUT ROWID;
CREATE INDEX metric_last ON metric (metric_id, last, experiment_seq);

-- Points of one metric, sorted by step, one value a step; chunk k + 1 begins after chunk k ends.
CREATE TABLE series_chunk (
    experiment_seq INTEGER NOT NULL REFERENCES experiment (seq) ON UPDATE CASCADE ON DELETE CASCADE,
    metric_id INTEGER NOT NULL REFERENCES metric_name (id),
    number INTEGER NOT NULL,
    count INTEGER NOT NULL,
    first_step INTEGER NOT NULL,
    last_step INTEGER NOT NULL,
    data BLOB NOT NULL
);
CREATE UNIQUE INDEX series_chunk_key ON series_chunk (experiment_seq, metric_id, number);

-- Logged values that are no numbers: texts and the stage, apart from the metrics; the last value of a step.
CREATE TABLE text_point (
    experiment_seq INTEGER NOT NULL REFERENCES experiment (seq) ON UPDATE CASCADE ON DELETE CASCADE,
    name TEXT NOT NULL,
    step INTEGER NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (experiment_seq, name, step)
) WITHOUT ROWID;

-- Experiments whose marker and sidecar files do not say yet what the index says.
CREATE TABLE outbox (
    experiment_seq INTEGER PRIMARY KEY REFERENCES experiment (seq) ON UPDATE CASCADE ON DELETE CASCADE,
    queued_at REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    error TEXT
);

-- Normalised (NFC, then casefold) copies of what is searched; the trigram index holds the live ones.
CREATE TABLE search_text (
    seq INTEGER PRIMARY KEY REFERENCES experiment (seq) ON UPDATE CASCADE ON DELETE CASCADE,
    project TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    live INTEGER NOT NULL
);
CREATE VIRTUAL TABLE search_index USING fts5 (
    project, name, description,
    content = 'search_text', content_rowid = 'seq', tokenize = 'trigram case_sensitive 1'
);
CREATE TRIGGER experiment_live_changed AFTER UPDATE OF live ON experiment WHEN old.live <> new.live
BEGIN
    UPDATE search_text SET live = new.live WHERE seq = new.seq;
END;
CREATE TRIGGER search_text_insert AFTER INSERT ON search_text WHEN new.live
BEGIN
    INSERT INTO search_index (rowid, project, name, description)
    VALUES (new.seq, new.project, new.name, new.description);
END;
CREATE TRIGGER search_text_delete AFTER DELETE ON search_text WHEN old.live
BEGIN
    INSERT INTO search_index (search_index, rowid, project, name, description)
    VALUES ('delete', old.seq, old.project, old.name, old.description);
END;
CREATE TRIGGER search_text_update_remove BEFORE UPDATE ON search_text WHEN old.live
BEGIN
    INSERT INTO search_index (search_index, rowid, project, name, description)
    VALUES ('delete', old.seq, old.project, old.name, old.description);
END;
CREATE TRIGGER search_text_update_add AFTER UPDATE ON search_text WHEN new.live
BEGIN
    INSERT INTO search_index (rowid, project, name, description)
    VALUES (new.seq, new.project, new.name, new.description);
END;
