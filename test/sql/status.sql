-- The views over shared memory, and a restart of the engine.
CREATE EXTENSION postgres_llm;
SELECT llm.create_model('tiny', 'tiny.gguf');
SET postgres_llm.default_model = 'tiny';
SELECT llm.generate('wake up');
\d llm.models
\d llm.model_status
\d llm.engine_status

SELECT state, description ~ '^fake' AS is_fake, broker_pid > 0 AS broker, engine_pid > 0 AS engine,
	   started <= clock_timestamp() AS started, retry_at, starts >= 1 AS starts, models >= 1 AS models,
	   slots > 0 AS slots, slots_used <= slots AS used, requests >= completed + failed + cancelled AS adds_up
FROM llm.engine_status;
SELECT model, state, loaded_bytes, context_length, slots > 0 AS slots, waiting,
	   path = current_setting('postgres_llm.model_directory') || '/tiny.gguf' AS path, last_error
FROM llm.model_status WHERE model IN ('tiny', 'smollm2') ORDER BY model;

-- Counters.
CREATE TEMP TABLE before AS SELECT requests, completed, failed, cancelled FROM llm.engine_status;
SELECT llm.generate('one'), llm.generate('two');
SELECT llm.generate('[[fail=limit]]');
SET statement_timeout = '100ms';
SELECT llm.generate('[[hang]]');
RESET statement_timeout;
-- The broker frees the slot of what was cancelled, and counts it, in its own time.
DO $$
BEGIN
	FOR i IN 1..1000 LOOP
		EXIT WHEN (SELECT slots_used = 0 FROM llm.engine_status);
		PERFORM pg_sleep(0.01);
	END LOOP;
END $$;
SELECT a.requests - b.requests AS requests, a.completed - b.completed AS completed,
	   a.failed - b.failed AS failed, a.cancelled - b.cancelled AS cancelled
FROM llm.engine_status a, before b;

-- A restart: another process, models are loaded on their next use.
SELECT engine_pid, starts, failures FROM llm.engine_status \gset old_
SELECT llm.restart_engine();
SELECT llm.generate('again');
SELECT engine_pid <> :old_engine_pid AS another_process, starts - :old_starts AS starts,
	   failures - :old_failures AS failures, state
FROM llm.engine_status;

-- A crash fails the request and nothing else.
SELECT llm.generate('[[crash]]');
SELECT llm.generate('alive');
SELECT starts - :old_starts AS starts, failures - :old_failures AS failures, state FROM llm.engine_status;

SELECT llm.drop_model('tiny');
DROP EXTENSION postgres_llm;
