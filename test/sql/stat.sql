-- Statistics and limits: what is counted, for whom, and since when.
CREATE EXTENSION postgres_llm;
-- A context of its own makes it another model than that of other tests.
SELECT llm.create_model('tiny', 'tiny.gguf', '{"context_length": 777}');
SET postgres_llm.default_model = 'tiny';
-- Limits count by the hour: none of this goes across its edge.
DO $$ BEGIN
	IF extract(epoch FROM clock_timestamp())::int8 % 3600 > 3540 THEN PERFORM pg_sleep(62); END IF;
END $$;
-- The engine reports within a tenth of a second.
CREATE FUNCTION wait_for_requests(n int8) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 100 LOOP
		IF (SELECT requests >= n FROM llm.stat_engine WHERE model = 'tiny') THEN
			RETURN true;
		END IF;
		PERFORM pg_sleep(0.05);
	END LOOP;
	RETURN false;
END $$;
SELECT llm.generate('wake up');
SELECT wait_for_requests(1);
SELECT llm.stat_reset();
SELECT count(*) FROM llm.stat_usage;

-- What answers say they took is what is counted: single calls, a scan, scores. What needs no step is not.
SELECT prompt_tokens, completion_tokens FROM llm.generate_detail('a b c');
SELECT count(llm.generate('number ' || i)) FROM generate_series(1, 10) i;
SELECT count(*) FROM llm.score('a b', 'c d e');
SELECT llm.count_tokens('not counted') > 0 AS tokens;
SELECT role = session_user AS role, database = current_database() AS database, model, requests, failed, cancelled,
	   prompt_tokens, cached_tokens, generated_tokens, wait_ms >= 0 AS wait, engine_ms > 0 AS engine,
	   stats_reset <= clock_timestamp() AS reset
FROM llm.stat_usage;

-- The same, as the engine reports it.
SELECT wait_for_requests(12);
SELECT model, requests, queued, mean_wait_ms >= 0 AS wait, steps > 0 AS steps, sequences_per_step >= 1 AS sequences,
	   tokens_per_step > 0 AS tokens, prompt_tokens, cached_tokens, prefix_hit_rate, generated_tokens, drafted_tokens, accepted_tokens, preemptions,
	   prompt_tokens_per_s > 0 AS prompt_rate, generated_tokens_per_s > 0 AS generated_rate,
	   busy_ms >= forward_ms AS busy, stats_reset <= clock_timestamp() AS reset
FROM llm.stat_engine WHERE model = 'tiny';

-- Errors and cancelled requests count, with what they used.
SELECT llm.generate('a b [[fail=limit]]');
SET statement_timeout = '100ms';
SELECT llm.generate('a b c [[hang]]');
RESET statement_timeout;
SELECT llm.generate('x');
SELECT requests, failed, cancelled FROM llm.stat_usage;

-- A request under way, as its own session sees it.
BEGIN;
DECLARE c CURSOR FOR SELECT (llm.stream('a b ' || repeat('c', 5000) || '[[steps=100000]]')).chunk;
FETCH 1 FROM c \g /dev/null
SELECT pid = pg_backend_pid() AS own, role = session_user AS role, database = current_database() AS database, model,
	   kind, state IN ('waiting', 'prefill', 'decode') AS state, submitted <= sent AS sent
FROM llm.stat_requests;
ROLLBACK;
SELECT llm.generate('behind it');
SELECT count(*) FROM llm.stat_requests;

-- Who logged in is counted and limited: neither SET ROLE nor a SECURITY DEFINER function moves that.
CREATE ROLE regress_llm_caller;
CREATE ROLE regress_llm_other;
GRANT regress_llm_other TO regress_llm_caller;
GRANT USAGE ON FOREIGN SERVER tiny TO regress_llm_caller, regress_llm_other;
CREATE FUNCTION ask_as_owner(prompt text) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT llm.generate(prompt)';
SELECT llm.stat_reset();
SET SESSION AUTHORIZATION regress_llm_caller;
SELECT ask_as_owner('by whom');
SET ROLE regress_llm_other;
SELECT llm.generate('and by whom');
SELECT role, requests FROM llm.stat_usage;
RESET SESSION AUTHORIZATION;
SELECT role, requests, prompt_tokens, generated_tokens FROM llm.stat_usage;

-- The limit of tokens is of the same role, whoever owns the function. It has used 5 of prompts and 7 of answers.
\set VERBOSITY terse
SET postgres_llm.max_role_tokens_per_hour = 12;
SET SESSION AUTHORIZATION regress_llm_caller;
SELECT ask_as_owner('too much');
SET ROLE regress_llm_other;
SELECT llm.generate('too much');
SET postgres_llm.max_role_tokens_per_hour = 0;
SET postgres_llm.priority = high;
RESET SESSION AUTHORIZATION;
SET postgres_llm.max_role_tokens_per_hour = 1000;
SET SESSION AUTHORIZATION regress_llm_caller;
SELECT ask_as_owner('enough');
RESET SESSION AUTHORIZATION;
RESET postgres_llm.max_role_tokens_per_hour;

-- A scan does not fail for what it has read ahead itself: not of its role's places, nor of its time in the queue.
SET postgres_llm.max_role_requests = 2;
SET postgres_llm.queue_timeout = '300ms';
SELECT count(llm.generate('x' || i || '[[steps=4000]]')) FROM generate_series(1, 6) i;
SELECT count(llm.generate(llm.generate('y' || i || '[[steps=4000]]'))) FROM generate_series(1, 6) i;

-- Nor does a call behind two streams of its own session, which have the role's places until they end.
BEGIN;
DECLARE c1 CURSOR FOR SELECT (llm.stream('a b ' || repeat('c', 5000) || '[[steps=10000]]')).chunk;
DECLARE c2 CURSOR FOR SELECT (llm.stream('a b ' || repeat('c', 5000) || '[[steps=10000]]')).chunk;
FETCH 1 FROM c1 \g /dev/null
FETCH 1 FROM c2 \g /dev/null
SELECT llm.generate('behind them');
COMMIT;
\set VERBOSITY default
SELECT llm.generate('there is room again');
RESET postgres_llm.max_role_requests;
RESET postgres_llm.queue_timeout;

DROP FUNCTION ask_as_owner(text);
DROP FUNCTION wait_for_requests(int8);
SELECT llm.drop_model('tiny');
DROP ROLE regress_llm_caller;
DROP ROLE regress_llm_other;
DROP EXTENSION postgres_llm;
