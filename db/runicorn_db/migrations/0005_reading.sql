-- Times of the steps beside the metrics, and how large run directories are, measured apart from the list.
-- What was stored of series before is read again by the next sync.

DELETE FROM metric;
DELETE FROM series_segment;
DELETE FROM text_chunk;
DELETE FROM metric_name;
UPDATE experiment SET step_count = 0, first_step = NULL, last_step = NULL;
UPDATE run_directory SET events_signature = NULL, events_inode = NULL, events_offset = 0, events_line = 0;
DELETE FROM problem WHERE substr(owner, -13) = CAST('/events.jsonl' AS BLOB);

-- Under this id the times of the steps are stored as the values of a metric are. No metric has it, nor this name.
INSERT INTO metric_name (id, name) VALUES (0, 'time');

-- What the run directory looked like when it was last measured (NULL: not yet), when that was and how long it took.
ALTER TABLE run_directory ADD COLUMN measured_signature TEXT;
ALTER TABLE run_directory ADD COLUMN measured_at REAL;
ALTER TABLE run_directory ADD COLUMN measured_seconds REAL;
