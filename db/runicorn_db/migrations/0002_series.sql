-- Series in segments with a pyramid of extremes, texts in chunks. What was stored before is read again by the next sync.

DROP TABLE series_chunk;
DROP TABLE text_point;
DELETE FROM metric;
UPDATE experiment SET step_count = 0, first_step = NULL, last_step = NULL;
UPDATE run_directory SET events_signature = NULL, events_inode = NULL, events_offset = 0, events_line = 0;
DELETE FROM problem WHERE substr(owner, -13) = CAST('/events.jsonl' AS BLOB);

-- Consecutive points of one metric, sorted by step, one value a step: full chunks, then a tail shorter than a chunk.
-- What is read most stands first: SQLite reads a row up to the last column that is asked for.
CREATE TABLE series_segment (
    id INTEGER PRIMARY KEY,
    experiment_seq INTEGER NOT NULL REFERENCES experiment (seq) ON UPDATE CASCADE ON DELETE CASCADE,
    metric_id INTEGER NOT NULL REFERENCES metric_name (id),
    first_step INTEGER NOT NULL,
    last_step INTEGER NOT NULL,
    count INTEGER NOT NULL,
    finite_count INTEGER NOT NULL,
    -- The one distance between neighbours, 0 when there are several.
    stride INTEGER NOT NULL,
    -- Where several distances are: the first step of each chunk and what tells its steps from others.
    chunk_steps BLOB NOT NULL,
    -- Lowest and highest finite point of every eight chunks, then of every chunk.
    coarse BLOB NOT NULL,
    fine BLOB NOT NULL,
    tail BLOB NOT NULL
);
CREATE UNIQUE INDEX series_segment_key ON series_segment (experiment_seq, metric_id, first_step);

-- A full chunk of points; `id` is 64 times that of the segment, and its place there. Each fits into one page.
CREATE TABLE series_chunk (
    id INTEGER PRIMARY KEY,
    data BLOB NOT NULL
);
CREATE TRIGGER series_segment_delete AFTER DELETE ON series_segment
BEGIN
    DELETE FROM series_chunk WHERE id BETWEEN old.id * 64 AND old.id * 64 + 63;
END;

-- Logged values that are no numbers: texts and the stage, apart from the metrics; the last value of a step.
CREATE TABLE text_chunk (
    experiment_seq INTEGER NOT NULL REFERENCES experiment (seq) ON UPDATE CASCADE ON DELETE CASCADE,
    name TEXT NOT NULL,
    first_step INTEGER NOT NULL,
    last_step INTEGER NOT NULL,
    is_full INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (experiment_seq, name, first_step)
) WITHOUT ROWID;
