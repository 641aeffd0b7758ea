-- Statistics: their columns, who sees what, what is counted, and limits that a session meets alone.
CREATE EXTENSION postgres_llm;
SELECT llm.create_model('tiny', 'tiny.gguf');
SET postgres_llm.default_model = 'tiny';
SELECT llm.stat_reset();
\d llm.stat_engine
\d llm.stat_requests
\d llm.stat_usage
SELECT count(*) FROM llm.stat_usage;

-- The sum of the answers; a word is a token, and "fake:" is one more of each answer.
SELECT sum((d).prompt_tokens) AS prompt, sum((d).cached_tokens) AS cached, sum((d).completion_tokens) AS completion
FROM (SELECT llm.generate_detail(repeat('word ', i)) AS d FROM generate_series(1, 10) i OFFSET 0) answers;
SELECT llm.generate('[[fail=limit]]');
SELECT count(*) FROM llm.score('a b', ' c');
SELECT llm.count_tokens('not charged');
SELECT role = session_user AS own, database = current_database() AS here, model, requests, failed, cancelled,
	   prompt_tokens, cached_tokens, generated_tokens, wait_ms > 0 AS waits, engine_ms > 0 AS works,
	   stats_reset < clock_timestamp() AS since
FROM llm.stat_usage;

-- Nothing of this session is left in flight.
SELECT count(*) FROM llm.stat_requests WHERE pid = pg_backend_pid();
BEGIN;
DECLARE c CURSOR FOR SELECT (llm.stream('one two [[steps=100000]]')).chunk_no;
FETCH 1 FROM c;
SELECT role = session_user AS own, database = current_database() AS here, model, kind, state, prompt_tokens,
	   submitted <= sent AS in_order
FROM llm.stat_requests WHERE pid = pg_backend_pid();
ROLLBACK;

-- Others see their own, and whose the rest is; a reset is not for everyone.
CREATE ROLE regress_llm_reader;
SET ROLE regress_llm_reader;
SELECT count(*) FROM llm.stat_usage;
SELECT count(*) FROM llm.stat_engine;
SELECT llm.stat_reset();
SET postgres_llm.max_role_requests = 1;
SET postgres_llm.max_role_tokens_per_hour = 1;
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER tiny TO regress_llm_reader;
SET ROLE regress_llm_reader;
SELECT model FROM llm.stat_engine;
RESET ROLE;
GRANT EXECUTE ON FUNCTION llm.stat_reset() TO regress_llm_reader;
SET ROLE regress_llm_reader;
SELECT llm.stat_reset();
RESET ROLE;
SELECT count(*) FROM llm.stat_usage;

-- One request in flight at a time: the second one of a session waits for the first, then fails.
SET postgres_llm.max_role_requests = 1;
SET postgres_llm.queue_timeout = '100ms';
SELECT count(llm.generate('row ' || i)) FROM generate_series(1, 5) i;
BEGIN;
DECLARE c CURSOR FOR SELECT (llm.stream('one two [[steps=100000]]')).chunk_no;
FETCH 1 FROM c;
SELECT llm.generate('second');
ROLLBACK;
RESET postgres_llm.queue_timeout;
RESET postgres_llm.max_role_requests;

SELECT llm.drop_model('tiny');
DROP ROLE regress_llm_reader;
DROP EXTENSION postgres_llm;
