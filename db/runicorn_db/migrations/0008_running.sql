-- What is looked at every other second is found without going through everything else.

CREATE INDEX experiment_running ON experiment (root_id, path) WHERE recorded_status = 'running';
