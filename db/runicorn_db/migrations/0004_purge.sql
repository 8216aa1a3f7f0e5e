-- The journal of purges, what an undo took back, and where runs lie that were moved to 0.7's `.recycle`.

-- A row is written before anything is moved or removed. It outlives the experiment and the root: hence the texts.
CREATE TABLE purge (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    experiment_id TEXT NOT NULL,
    root_path TEXT NOT NULL,
    -- An unmounted disk is another directory, in which nothing is missing.
    root_inode INTEGER NOT NULL,
    path BLOB NOT NULL,
    -- What else may lie aside is not removed.
    run_inode INTEGER NOT NULL,
    -- Where the run directory is moved to before it is removed, below the root; empty when only a pattern is removed.
    aside BLOB NOT NULL,
    pattern TEXT,
    source TEXT NOT NULL,
    user TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    file_count INTEGER NOT NULL,
    purged_at REAL NOT NULL,
    is_done INTEGER NOT NULL DEFAULT 0,
    problem TEXT
);
CREATE INDEX purge_pending ON purge (is_done, experiment_id) WHERE is_done = 0;
CREATE INDEX purge_recent ON purge (purged_at);

-- What a batch held when it was taken back as a whole.
CREATE TABLE undone (
    batch_id INTEGER NOT NULL REFERENCES batch (id) ON DELETE CASCADE,
    experiment_seq INTEGER NOT NULL REFERENCES experiment (seq) ON UPDATE CASCADE ON DELETE CASCADE,
    PRIMARY KEY (batch_id, experiment_seq)
) WITHOUT ROWID;
CREATE INDEX undone_experiment ON undone (experiment_seq);

-- Where a run directory belongs that a deletion moved to `.recycle`.
ALTER TABLE experiment ADD COLUMN home BLOB;
