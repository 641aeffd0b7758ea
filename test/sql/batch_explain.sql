-- What EXPLAIN shows of a node that reads ahead.
CREATE EXTENSION postgres_llm;
SELECT llm.create_model('tiny', 'tiny.gguf');
SET postgres_llm.default_model = 'tiny';
SET postgres_llm.max_readahead = 10;
SET max_parallel_workers_per_gather = 0;
CREATE TABLE doc (id int PRIMARY KEY, body text);
INSERT INTO doc SELECT i, 'row ' || i FROM generate_series(1, 30) i;
ANALYZE doc;

-- Without what differs between versions and from run to run.
CREATE FUNCTION explain(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (analyze, costs off, timing off, summary off, buffers off) ' || query LOOP
		RETURN NEXT regexp_replace(line, ' \(actual.*\)$', '');
	END LOOP;
END$$;

-- How far it reads ahead, and why no further.
EXPLAIN (costs off) SELECT llm.generate(body) FROM doc;
EXPLAIN (costs off) SELECT llm.generate(body) FROM doc LIMIT 5;
EXPLAIN (costs off) SELECT a FROM (SELECT llm.generate(body) AS a FROM doc OFFSET 0) s WHERE a LIKE '%3' LIMIT 2;
EXPLAIN (costs off) SELECT llm.generate(body, max_tokens => id) FROM doc;
EXPLAIN (costs off) SELECT llm.generate((60 / id)::text) FROM doc;
SET postgres_llm.max_readahead = 1;
EXPLAIN (costs off) SELECT llm.generate(body) FROM doc;
RESET postgres_llm.max_readahead;
EXPLAIN (costs off) SELECT llm.generate(body) FROM doc;
SET postgres_llm.max_readahead = 10;
PREPARE cached AS SELECT llm.generate(body) FROM doc;
EXPLAIN (costs off) EXECUTE cached;
SET postgres_llm.batch_scan = off;
EXPLAIN (costs off) EXECUTE cached;
EXPLAIN (costs off) SELECT llm.generate(body) FROM doc;
SET postgres_llm.batch_scan = on;

-- Calls are shown as somebody would write them, defaults left out.
EXPLAIN (costs off)
SELECT llm.generate(body), llm.generate(body, 'tiny', temperature => 0.5, seed => id),
	   (llm.generate_detail(body, options => '{"raw": true}')).text,
	   llm.chat(jsonb_build_array(jsonb_build_object('role', 'user', 'content', body)), max_tokens => 3)
FROM doc;
EXPLAIN (costs off) SELECT CASE WHEN id > 3 THEN llm.generate(body) END FROM doc;
EXPLAIN (costs off) SELECT llm.generate(d.body || e.body) FROM doc d JOIN doc e ON d.id = e.id - 1;

-- What happened.
SELECT explain('SELECT llm.generate(body) FROM doc');
SELECT explain('SELECT llm.generate(body) FROM doc LIMIT 5');
SELECT explain('SELECT llm.generate((id % 3)::text) FROM doc');
SELECT explain('SELECT CASE WHEN id > 25 THEN llm.generate(body) END FROM doc');
SELECT explain('SELECT id FROM doc WHERE llm.generate(body) LIKE ''%3''');
SELECT explain($$SELECT llm.generate(CASE WHEN id % 10 = 0 THEN '[[fail=limit]]' ELSE body END,
				 options => '{"on_error": "null"}') FROM doc$$);
SELECT explain('UPDATE doc SET body = llm.generate(body) WHERE id <= 12');
SELECT explain('SELECT llm.generate(body) FROM doc WHERE id > 1000');

-- The same in JSON.
CREATE FUNCTION properties(query text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE result json;
BEGIN
	EXECUTE 'EXPLAIN (analyze, costs off, timing off, summary off, format json) ' || query INTO result;
	RETURN (SELECT jsonb_object_agg(key, value) FROM jsonb_each(result::jsonb #> '{0,Plan}')
			WHERE key IN ('Custom Plan Provider', 'LLM Calls', 'Guards', 'Read-Ahead', 'Requests', 'Shared', 'Failed',
						  'Max In Flight', 'Prompt Tokens', 'Cached Tokens', 'Generated Tokens', 'Wait Time', 'Mean Batch'));
END$$;
SELECT jsonb_pretty(properties('SELECT CASE WHEN id > 3 THEN llm.generate((id % 3)::text) END FROM doc'));

-- Times and what follows from them, with TIMING only.
CREATE FUNCTION waiting(options text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (analyze, ' || options || ') SELECT llm.generate(body) FROM doc' LOOP
		IF line ~ 'Waiting' THEN RETURN NEXT regexp_replace(trim(line), '[0-9]+\.[0-9]+', 'N', 'g'); END IF;
	END LOOP;
END$$;
SELECT waiting('timing on');
SELECT waiting('timing off');

-- EXPLAIN alone sends nothing, and a right that is missing is missed as in any plan.
CREATE TEMP TABLE before AS SELECT requests FROM llm.engine_status;
EXPLAIN (costs off) UPDATE doc SET body = llm.generate(body) RETURNING id;
SELECT a.requests - b.requests AS requests FROM llm.engine_status a, before b;
CREATE ROLE llm_regress_explain;
GRANT SELECT ON doc TO llm_regress_explain;
REVOKE EXECUTE ON FUNCTION llm.chat FROM PUBLIC;
SET ROLE llm_regress_explain;
EXPLAIN (costs off) SELECT llm.chat(jsonb_build_array(body)) FROM doc;
RESET ROLE;

-- An array of prompts; a string is not taken for one.
SELECT * FROM llm.generate(ARRAY['one', NULL, 'two', 'one']) WITH ORDINALITY;
SELECT llm.generate(ARRAY['one', 'two']), n FROM generate_series(1, 2) n;
SELECT llm.generate('{one,two}');
SELECT llm.generate(NULL);
SELECT count(*) FROM llm.generate('{}'::text[]);
SELECT count(*) FROM llm.generate(NULL::text[]);
SELECT llm.generate(ARRAY['one', '[[fail=limit]]', 'two'], options => '{"on_error": "null"}');
SELECT llm.generate(ARRAY['one', '[[fail=limit]]']) LIMIT 1;
SELECT count(*) FROM llm.generate(ARRAY['one', '[[fail=limit]]']);
SELECT llm.generate(ARRAY['one'], temperature => 11);

REVOKE ALL ON doc FROM llm_regress_explain;
DROP ROLE llm_regress_explain;
DROP TABLE doc;
SELECT llm.drop_model('tiny');
DROP EXTENSION postgres_llm;
