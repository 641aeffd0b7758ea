-- Where LLM Batch stands in the plan of each shape of query, and which calls stay row by row.
CREATE EXTENSION postgres_llm;
SELECT llm.create_model('tiny', 'tiny.gguf');
SET postgres_llm.default_model = 'tiny';
CREATE TABLE doc (id int PRIMARY KEY, grp int, a text, b text, summary text);
INSERT INTO doc SELECT i, i % 5, 'a' || i, 'b' || i FROM generate_series(1, 100) AS i;
CREATE TABLE part (id int, a text, b text) PARTITION BY RANGE (id);
CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (50);
CREATE TABLE part2 (b text, a text, id int);
ALTER TABLE part ATTACH PARTITION part2 FOR VALUES FROM (50) TO (101);
CREATE INDEX ON part (id);
INSERT INTO part SELECT i, 'a' || i, 'b' || i FROM generate_series(1, 100) AS i;
CREATE TABLE target (id int, s text);
ANALYZE;

-- The nodes of a plan and what LLM Batch says of itself; what versions print differently is left out.
SET enable_incremental_sort = off;
SET enable_mergejoin = off;
SET enable_memoize = off;
SET enable_material = off;
CREATE FUNCTION shape(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	first bool := true;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF first OR line ~ '->|LLM Calls|Guards|Read-Ahead|Chunk' THEN
			line := regexp_replace(line, '(, NULL::[a-z0-9 ]+(\[\])?)+\)', ')', 'g');
			RETURN NEXT regexp_replace(line, 'OVER (\(\?\)|w1)', 'OVER w1');
		END IF;
		first := false;
	END LOOP;
END $$;
\pset tuples_only on
\pset format unaligned

\echo -- Target list: one node, stacked for a call in a call, with guards for conditions.
SELECT shape($$SELECT llm.generate(a), upper(llm.generate(b)) FROM doc$$);
SELECT shape($$SELECT llm.generate(llm.generate(a)) FROM doc$$);
SELECT shape($$SELECT CASE WHEN id = 1 THEN llm.generate(a) WHEN grp = 2 THEN llm.generate(b) END FROM doc$$);
SELECT shape($$SELECT COALESCE(summary, llm.generate(a)) FROM doc$$);
SELECT shape($$SELECT id = 1 AND llm.generate(a) = 'x' OR llm.generate(b) = 'y' FROM doc$$);
SELECT shape($$SELECT CASE llm.generate(a) WHEN 'x' THEN 1 WHEN llm.generate(b) THEN 2 END FROM doc$$);
SELECT shape($$SELECT (llm.generate_detail(a)).text FROM doc$$);
SELECT shape($$SELECT llm.chat(jsonb_build_array(jsonb_build_object('role', 'user', 'content', a))) FROM doc$$);
SELECT shape($$SELECT llm.generate('constant') FROM doc$$);

\echo -- Conditions: cheap ones below, later calls see only what passed the earlier.
SELECT shape($$SELECT id FROM doc WHERE grp < 3 AND llm.generate(a) = 'x'$$);
SELECT shape($$SELECT llm.generate(b) FROM doc WHERE llm.generate(a) = 'x' AND llm.generate(b) = 'y'$$);
SELECT shape($$SELECT grp FROM doc GROUP BY grp HAVING llm.generate(max(a)) = 'x'$$);
SELECT shape($$SELECT d.id FROM doc d JOIN target t ON t.id = d.id AND llm.generate(d.a || t.s) = 'x'$$);
SELECT shape($$SELECT id FROM doc WHERE llm.generate(a) IN (SELECT s FROM target)$$);

\echo -- Order, groups, sets.
SELECT shape($$SELECT id FROM doc ORDER BY llm.generate(a)$$);
SELECT shape($$SELECT llm.generate(a) FROM doc ORDER BY b LIMIT 5$$);
SELECT shape($$SELECT DISTINCT llm.generate(a) FROM doc$$);
SELECT shape($$SELECT llm.generate(a), count(*) FROM doc GROUP BY 1$$);
SELECT shape($$SELECT llm.generate(a) FROM doc UNION ALL SELECT llm.generate(s) FROM target$$);
SELECT shape($$SELECT string_agg(llm.generate(a), ',') FILTER (WHERE grp = 1) FROM doc$$);
SELECT shape($$SELECT llm.generate(string_agg(a, ',')) FROM doc GROUP BY grp$$);
SELECT shape($$SELECT grp, id, max(llm.generate(a)) FROM doc GROUP BY GROUPING SETS ((grp), (id), ())$$);
SELECT shape($$SELECT lag(llm.generate(a)) OVER (ORDER BY b) FROM doc$$);
SELECT shape($$SELECT llm.generate(a || row_number() OVER (ORDER BY b)) FROM doc$$);
SELECT shape($$SELECT unnest(string_to_array(llm.generate(a), ',')) FROM doc$$);

\echo -- Partitions: one window over all of them.
SELECT shape($$SELECT llm.generate(a) FROM part$$);
SELECT shape($$SELECT id FROM part WHERE llm.generate(a) = 'x'$$);
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET enable_sort = off;
CREATE TABLE hashed (id int, a text) PARTITION BY HASH (id);
CREATE TABLE hashed1 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE hashed2 (a text, id int);
ALTER TABLE hashed ATTACH PARTITION hashed2 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE INDEX ON hashed (id);
SELECT shape($$SELECT a, id FROM hashed WHERE llm.generate(a) = 'x' ORDER BY id$$);
RESET enable_seqscan;
RESET enable_bitmapscan;
RESET enable_sort;

\echo -- FROM items and sub-selects.
SELECT shape($$SELECT d.id, l.s FROM doc d, LATERAL (SELECT llm.generate(d.a) AS s) l WHERE l.s <> 'x'$$);
SELECT shape($$SELECT d.id, l.s FROM doc d LEFT JOIN LATERAL (SELECT llm.generate(d.a) AS s) l ON true$$);
SELECT shape($$SELECT d.id, g FROM doc d, llm.generate(d.a) g$$);
SELECT shape($$SELECT d.id, g.text, g.error FROM doc d, llm.generate_detail(d.a) g WHERE g.prompt_tokens > 1$$);
SELECT d.id, g.text FROM doc d, llm.generate_detail(d.a) g WHERE (g.text <> d.b OR g.error IS NOT NULL) AND d.id < 3;
SELECT shape($$SELECT d.id, u FROM doc d, unnest(string_to_array(llm.generate(d.a), ',')) u$$);
SELECT shape($$SELECT id, (SELECT llm.generate(d.a)), (SELECT llm.generate(d.b) WHERE d.id > 5) FROM doc d$$);
SELECT shape($$WITH c AS MATERIALIZED (SELECT llm.generate(a) AS s FROM doc) SELECT * FROM c$$);
SELECT shape($$SELECT s, length(s) FROM (SELECT llm.generate(a) AS s FROM doc OFFSET 0) AS q$$);
SELECT shape($$WITH RECURSIVE r (n, s) AS (SELECT id, a FROM doc UNION ALL SELECT n + 1, llm.generate(s) FROM r WHERE n < 9)
	SELECT * FROM r$$);
SELECT shape($$VALUES (llm.generate('a')), (llm.generate('b'))$$);

\echo -- Data-modifying statements.
SELECT shape($$UPDATE doc SET summary = llm.generate(a), b = upper(b)$$);
SELECT shape($$UPDATE part SET a = llm.generate(a), id = 101 - id$$);
SELECT shape($$DELETE FROM doc WHERE llm.generate(a) = 'x'$$);
SELECT shape($$INSERT INTO target SELECT id, llm.generate(a) FROM doc$$);
SELECT shape($$INSERT INTO target VALUES (1, llm.generate('a')), (2, 'b'), (3, llm.generate('c'))$$);
SELECT shape($$MERGE INTO target t USING (SELECT id, llm.generate(a) AS s FROM doc) q ON t.id = q.id
	WHEN MATCHED THEN UPDATE SET s = q.s$$);
SELECT shape($$UPDATE doc SET b = a RETURNING llm.generate(b)$$);
SELECT shape($$UPDATE part SET b = a RETURNING llm.generate(b)$$);
SELECT shape($$WITH u AS (UPDATE doc SET b = a RETURNING id, b) SELECT llm.generate(b) FROM u$$);
SELECT shape($$SELECT llm.generate(a) FROM doc FOR UPDATE$$);

\echo -- Reading ahead stops where it could be seen.
CREATE FUNCTION noisy(text) RETURNS text LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN $1; END';
SELECT shape($$SELECT llm.generate(a) FROM doc LIMIT 3$$);
SELECT shape($$SELECT llm.generate((1 / id)::text) FROM doc LIMIT 3$$);
SELECT shape($$SELECT id FROM doc WHERE llm.generate((1 / id)::text) = 'x' LIMIT 3$$);
SELECT shape($$SELECT llm.generate(noisy(a)) FROM doc$$);
SELECT shape($$SELECT s, noisy(b) FROM (SELECT b, llm.generate(noisy(a)) AS s FROM doc OFFSET 0) AS q$$);
SELECT shape($$UPDATE doc SET b = llm.generate(noisy(a))$$);
SELECT shape($$UPDATE doc SET b = llm.generate(a || random())$$);

\echo -- What stays row by row says so.
SET client_min_messages = debug1;
SELECT shape($$SELECT generate_series(1, 2), llm.generate(a) FROM doc$$);
SELECT shape($$SELECT d.id FROM doc d LEFT JOIN target t ON t.id = d.id AND llm.generate(d.a) = 'x'$$);
SELECT shape($$SELECT CASE WHEN random() < 2 THEN llm.generate(a) END FROM doc$$);
SELECT shape($$SELECT llm.generate(noisy(a)), noisy(b) FROM doc$$);
SELECT shape($$SELECT (ARRAY['x'])[length(llm.generate(a))] FROM doc$$);
SELECT shape($$INSERT INTO doc SELECT 1 ON CONFLICT (id) DO UPDATE SET b = llm.generate(doc.a)$$);
SELECT shape($$UPDATE doc SET b = a RETURNING noisy(llm.generate(b))$$);
SELECT shape($$SELECT t.text FROM doc d LEFT JOIN LATERAL llm.generate_detail(d.a) t ON d.grp = 1$$);
SELECT shape($$SELECT max(llm.generate(noisy(a))) FROM doc GROUP BY GROUPING SETS ((grp), (id), ())$$);
SELECT shape($$INSERT INTO target VALUES (1, llm.generate(noisy('a'))), (2, llm.generate('b'))$$);
SET postgres_llm.batch_scan = off;
SELECT shape($$SELECT llm.generate(a) FROM doc$$);
RESET postgres_llm.batch_scan;
RESET client_min_messages;

DROP TABLE doc, part, hashed, target;
DROP FUNCTION shape;
DROP FUNCTION noisy;
SELECT llm.drop_model('tiny');
DROP EXTENSION postgres_llm;
