-- How many experiments each root has on disk: known without counting them.

CREATE TABLE root_count (
    root_id INTEGER PRIMARY KEY,
    n INTEGER NOT NULL
);
INSERT INTO root_count SELECT root_id, count(*) FROM experiment WHERE missing_at IS NULL GROUP BY root_id;
CREATE TRIGGER root_count_insert AFTER INSERT ON experiment WHEN new.missing_at IS NULL
BEGIN
    INSERT INTO root_count VALUES (new.root_id, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER root_count_delete AFTER DELETE ON experiment WHEN old.missing_at IS NULL
BEGIN
    UPDATE root_count SET n = n - 1 WHERE root_id = old.root_id;
END;
CREATE TRIGGER root_count_update AFTER UPDATE OF root_id, missing_at ON experiment
WHEN (old.root_id, old.missing_at IS NULL) <> (new.root_id, new.missing_at IS NULL)
BEGIN
    UPDATE root_count SET n = n - 1 WHERE old.missing_at IS NULL AND root_id = old.root_id;
    INSERT INTO root_count SELECT new.root_id, 1 WHERE new.missing_at IS NULL
    ON CONFLICT DO UPDATE SET n = n + 1;
END;
