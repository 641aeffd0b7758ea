-- llm.stream on the fake engine: whole characters, in order, and given up when nobody asks.
CREATE EXTENSION postgres_llm;
SELECT llm.create_model('tiny', 'tiny.gguf');
SET postgres_llm.default_model = 'tiny';

-- Chunks that came while nobody looked are one row, so rows are counted, not compared.
SELECT string_agg(chunk, '' ORDER BY chunk_no), count(*) BETWEEN 1 AND 12 AS in_chunks,
	   array_agg(chunk_no ORDER BY chunk_no)
	   = (SELECT array_agg(i) FROM generate_series(1, count(*)::int) AS i) AS numbered
FROM llm.stream('[[split]]');
-- Ten seconds of text, of which a moment is wanted.
SELECT (llm.stream('[[bytes=100000]][[steps=100000]]')).chunk_no LIMIT 3;
SELECT string_agg(chunk, '' ORDER BY chunk_no) = llm.generate('hello streaming world') AS same
FROM llm.stream('hello streaming world');

-- NULL and the empty answer have no rows.
SELECT * FROM llm.stream(NULL);
SELECT * FROM llm.stream('hello', stop => ARRAY['fake']);

-- For each row of a table.
SELECT p, string_agg((s).chunk, '' ORDER BY (s).chunk_no)
FROM (SELECT p, llm.stream(p) AS s FROM (VALUES ('one'), ('two'), (NULL)) AS v (p)) AS x
GROUP BY p ORDER BY p;

-- Errors.
SELECT llm.stream('[[fail=corrupt]]');
SELECT llm.stream('x', temperature => 99);
SELECT llm.stream('x', model => 'nowhere');

-- A cursor that is closed early, one that is left open at commit, one that sees an error beside it.
BEGIN;
DECLARE c CURSOR FOR SELECT (llm.stream('[[bytes=100000]][[steps=100000]]')).chunk_no;
FETCH 2 FROM c;
DECLARE d CURSOR FOR SELECT (llm.stream('[[bytes=100000]][[steps=100000]]')).chunk_no;
FETCH 1 FROM d;
CLOSE c;
FETCH 1 FROM d;
COMMIT;
BEGIN;
DECLARE c CURSOR FOR SELECT (llm.stream('[[bytes=100000]][[steps=100000]]')).chunk_no;
FETCH 1 FROM c;
SAVEPOINT s;
SELECT 1 / 0;
ROLLBACK TO s;
FETCH 1 FROM c;
ROLLBACK;

-- Nothing stays in flight.
DO $$
BEGIN
	FOR i IN 1 .. 500 LOOP
		EXIT WHEN (SELECT slots_used = 0 FROM llm.engine_status);
		PERFORM pg_sleep(0.01);
	END LOOP;
END $$;
SELECT slots_used FROM llm.engine_status;

SELECT llm.drop_model('tiny');
DROP EXTENSION postgres_llm;
