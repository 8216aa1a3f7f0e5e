-- Totals that cost nothing at any size, kept by triggers, and the indexes of the remaining sorts.

CREATE INDEX experiment_ended ON experiment (ended_at, seq, live) WHERE live = 1;
CREATE INDEX experiment_duration ON experiment (duration_seconds, seq, live) WHERE live = 1;
CREATE INDEX experiment_deleted ON experiment (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX experiment_size ON experiment (size_bytes, seq, live) WHERE live = 1;

-- How many live experiments each project has in each status.
CREATE TABLE facet_count (
    project TEXT NOT NULL,
    status TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (project, status)
) WITHOUT ROWID;
INSERT INTO facet_count SELECT project, status, count(*) FROM experiment WHERE live = 1 GROUP BY project, status;
CREATE TRIGGER facet_count_insert AFTER INSERT ON experiment WHEN new.live = 1
BEGIN
    INSERT INTO facet_count VALUES (new.project, new.status, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER facet_count_delete AFTER DELETE ON experiment WHEN old.live = 1
BEGIN
    UPDATE facet_count SET n = n - 1 WHERE project = old.project AND status = old.status;
END;
CREATE TRIGGER facet_count_update AFTER UPDATE OF project, status, live ON experiment
WHEN (old.project, old.status, old.live) <> (new.project, new.status, new.live)
BEGIN
    UPDATE facet_count SET n = n - 1 WHERE old.live = 1 AND project = old.project AND status = old.status;
    INSERT INTO facet_count SELECT new.project, new.status, 1 WHERE new.live = 1
    ON CONFLICT DO UPDATE SET n = n + 1;
END;

-- Tags of live experiments only, and how many there are of each.
CREATE TABLE live_tag (
    tag TEXT NOT NULL,
    experiment_seq INTEGER NOT NULL,
    PRIMARY KEY (tag, experiment_seq)
) WITHOUT ROWID;
CREATE TABLE tag_count (
    tag TEXT PRIMARY KEY,
    n INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO live_tag
SELECT tag, experiment_seq FROM experiment_tag JOIN experiment ON seq = experiment_seq WHERE live = 1;
INSERT INTO tag_count SELECT tag, count(*) FROM live_tag GROUP BY tag;
CREATE TRIGGER live_tag_insert AFTER INSERT ON live_tag
BEGIN
    INSERT INTO tag_count VALUES (new.tag, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER live_tag_delete AFTER DELETE ON live_tag
BEGIN
    UPDATE tag_count SET n = n - 1 WHERE tag = old.tag;
END;
CREATE TRIGGER experiment_tag_insert AFTER INSERT ON experiment_tag
BEGIN
    INSERT INTO live_tag SELECT new.tag, seq FROM experiment WHERE seq = new.experiment_seq AND live = 1;
END;
CREATE TRIGGER experiment_tag_delete AFTER DELETE ON experiment_tag
BEGIN
    DELETE FROM live_tag WHERE tag = old.tag AND experiment_seq = old.experiment_seq;
END;
-- An experiment that takes another seq takes its tags along.
CREATE TRIGGER experiment_tag_update AFTER UPDATE ON experiment_tag
BEGIN
    DELETE FROM live_tag WHERE tag = old.tag AND experiment_seq = old.experiment_seq;
    INSERT INTO live_tag SELECT new.tag, seq FROM experiment WHERE seq = new.experiment_seq AND live = 1;
END;
CREATE TRIGGER experiment_tag_live AFTER UPDATE OF live ON experiment WHEN old.live <> new.live
BEGIN
    DELETE FROM live_tag WHERE new.live = 0 AND experiment_seq = new.seq
        AND tag IN (SELECT tag FROM experiment_tag WHERE experiment_seq = new.seq);
    INSERT INTO live_tag SELECT tag, experiment_seq FROM experiment_tag WHERE new.live = 1 AND experiment_seq = new.seq;
END;

-- What the summary adds up.
CREATE INDEX experiment_aggregate ON experiment
    (project, status, best_metric_name, best_metric_mode, best_metric_value, created_at, size_bytes, live)
WHERE live = 1;
