-- Orders by the extremes of a metric, and by parameters that are texts (of long ones by their beginning).

CREATE INDEX metric_min ON metric (metric_id, min, experiment_seq);
CREATE INDEX metric_max ON metric (metric_id, max, experiment_seq);
CREATE INDEX experiment_param_text ON experiment_param (name, substr(text, 1, 64), experiment_seq)
WHERE number IS NULL;

-- Counting what is in the trash reads no rows.
DROP INDEX experiment_deleted;
CREATE INDEX experiment_deleted ON experiment (deleted_at, missing_at) WHERE deleted_at IS NOT NULL;
