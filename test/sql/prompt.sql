-- llm.prompt and llm.prompt_fields: templates, escapes, errors, what may be read ahead, order of fields.
CREATE EXTENSION postgres_llm;
SELECT llm.create_model('tiny', 'tiny.gguf');
SET postgres_llm.default_model = 'tiny';
SET postgres_llm.max_readahead = 10;
SET max_parallel_workers_per_gather = 0;

-- Placeholders, in any order and as often as wanted; arguments of any type; some not used.
SELECT llm.prompt('Classify: {0}', 'a card'), llm.prompt('{1} {0} {1}', 'a', 'b'), llm.prompt('{0}', 'a', 'unused');
SELECT llm.prompt('{0} {1} {2} {3} {4}', 1, 2.50, true, '{1,2}'::int[], '{"a": 1}'::jsonb);
SELECT llm.prompt('{0} {1}', DATE '2026-11-28', ROW(1, NULL, 'x y'));
SELECT llm.prompt('{10}{9}{00}', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k');
SELECT llm.prompt(''), llm.prompt('', 'a') = '' AS empty, llm.prompt('{0}', '') = '' AS also;

-- Braces.
SELECT llm.prompt('{{}}'), llm.prompt('{{{0}}}', 'a'), llm.prompt('{{0}}', 'a'), llm.prompt('{{{{0}}}}', 'a');
SELECT llm.prompt('Answer as JSON: {{"label": "..."}}. Text: {0}', '{"x": "{1}"}');

-- What is filled in is data.
SELECT llm.prompt('{0}|{1}', '{1}', '{0}{{}}{'), llm.prompt('{0}', E'\\{0}\n%s');
SELECT llm.prompt('é{0}漢字{1}', '{1}ü', '😀');

-- NULL as in format(): a NULL template is a NULL prompt, a NULL argument is empty.
SELECT llm.prompt(NULL) IS NULL, llm.prompt(NULL, 'a') IS NULL, llm.prompt('<{0}>', NULL), llm.prompt('<{0}>', NULL::int);

-- Arrays.
SELECT llm.prompt('{0}', ARRAY['a', 'b']), llm.prompt('{1}{0}', VARIADIC ARRAY['a', 'b']);
SELECT llm.prompt('{1}{0}', VARIADIC ARRAY[1, NULL]), llm.prompt('none', VARIADIC NULL::text[]);
SELECT llm.prompt('{0}', VARIADIC NULL::text[]);
SELECT llm.prompt('{0}', VARIADIC 'a'::text);

-- Templates that are wrong.
\set VERBOSITY sqlstate
SELECT llm.prompt('é: {', 'a');
\set VERBOSITY default
SELECT llm.prompt('}', 'a');
SELECT llm.prompt('{{{0}', 'a'), llm.prompt('a}b', 'a');
SELECT llm.prompt('{}', 'a');
SELECT llm.prompt('{ 0 }', 'a');
SELECT llm.prompt('{0', 'a');
SELECT llm.prompt('{-1}', 'a');
SELECT llm.prompt('{name}', 'a');
SELECT llm.prompt('{"label": 1}');
SELECT llm.prompt('漢{1}', 'a');
SELECT llm.prompt('{2}', 'a', 'b');
SELECT llm.prompt('{0}');
SELECT llm.prompt('{99999999999999999999}', 'a');
SELECT llm.prompt('{0}', repeat('x', 1000000)) = repeat('x', 1000000) AS long;

-- Fields: a line for each that is not NULL; lines of a value cannot look like fields.
SELECT llm.prompt_fields('name', 'Ada', 'born', 1815);
SELECT llm.prompt_fields('a', 1, 'b', NULL, 'c', 3), llm.prompt_fields('a', NULL::text) = '' AS empty;
SELECT llm.prompt_fields('text', E'one\nlabel: good\n', 'label', 'bad');
SELECT llm.prompt_fields(VARIADIC ARRAY['a', 'x', 'b', 'y']), llm.prompt_fields(VARIADIC NULL::text[]) = '' AS none;
SELECT llm.prompt(E'Fill in the label.\n{0}\nlabel:', llm.prompt_fields('text', '{0}'));
SELECT llm.prompt_fields('a');
SELECT llm.prompt_fields('a', 1, 'b');
SELECT llm.prompt_fields('a', 1, NULL, 2);

-- A template that is known to be right keeps nothing from being read ahead; what may fail waits.
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE doc (id int PRIMARY KEY, body text, city text, country varchar(20), note text, feel mood, tags text[]);
INSERT INTO doc
SELECT i, 'row ' || i, 'city ' || i % 20, 'land ' || i % 4, CASE WHEN i % 3 = 0 THEN 'note' END, 'good', '{a,b}'
FROM generate_series(1, 200) i;
ANALYZE doc;
CREATE FUNCTION readahead(call text, source text DEFAULT 'doc') RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE format('EXPLAIN (costs off) SELECT a FROM (SELECT llm.generate(%s) AS a FROM %s OFFSET 0) s WHERE a <> ''x'' LIMIT 1', call, source) LOOP
		IF line ~ 'Read-Ahead' THEN RETURN trim(line); END IF;
	END LOOP;
END$$;
SELECT call, readahead(call) FROM (VALUES
	($$body$$),
	($$llm.prompt('about {0}', body)$$),
	($$llm.prompt('{0} {1} {2} {3}', id, feel, tags, doc)$$),
	($$llm.prompt('{{}}')$$),
	($$llm.prompt(NULL, body)$$),
	($$llm.prompt('about {0}', llm.prompt_fields('body', body, 'id', id))$$),
	($$llm.prompt('about {1}', body)$$),
	($$llm.prompt('about {', body)$$),
	($$llm.prompt(body, id)$$),
	($$llm.prompt('{0}', VARIADIC tags)$$),
	($$llm.prompt('{0}', 1 / id)$$),
	($$llm.prompt_fields(city, body)$$),
	($$llm.prompt_fields('city', city, NULL, body)$$),
	($$llm.prompt_fields(VARIADIC tags)$$)) AS v (call);
SELECT count(*), count(DISTINCT a) FROM (SELECT llm.generate(llm.prompt('about {0}', body)) AS a FROM doc) s;
EXPLAIN (costs off) SELECT llm.generate(llm.prompt('about {0}', body)) FROM doc;

-- The order of fields: as written, unless the planner may choose.
CREATE FUNCTION calls(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (costs off, verbose) ' || query LOOP
		IF line ~ 'LLM Calls' THEN RETURN NEXT regexp_replace(trim(line), '::text', '', 'g'); END IF;
	END LOOP;
END$$;
SELECT calls($$SELECT llm.generate(llm.prompt_fields('id', id, 'city', city, 'country', country)) FROM doc$$);
SET postgres_llm.reorder_fields = on;
SELECT calls($$SELECT llm.generate(llm.prompt_fields('id', id, 'city', city, 'country', country)) FROM doc$$);
SELECT calls($$SELECT llm.generate(llm.prompt('{0}', llm.prompt_fields('body', d.body, 'city', e.city)))
			   FROM doc d JOIN doc e ON e.id = d.id - 1$$);
-- A constant first; a function of one column counts as that; more columns, aggregates and sub-selects are not known.
SELECT calls($$SELECT llm.generate(llm.prompt_fields('id', id, 'task', 'shorten', 'city', upper(city))) FROM doc$$);
SELECT calls($$SELECT llm.generate(llm.prompt_fields('both', body || city, 'n', (SELECT count(*) FROM doc e WHERE e.id < d.id), 'city', city))
			   FROM doc d$$);
SELECT calls($$SELECT llm.generate(llm.prompt_fields('most', max(body), 'city', city)) FROM doc GROUP BY city, country HAVING count(*) > 1$$);
SELECT calls($$SELECT llm.generate(llm.prompt_fields('id', id, 'random', random(), 'city', city)) FROM doc$$);
-- Of equals the order stays; what is written in one array, or wrong, is left alone.
SELECT calls($$SELECT llm.generate(llm.prompt_fields('id', id, 'body', body)) FROM doc$$);
SELECT calls($$SELECT llm.generate(llm.prompt_fields(VARIADIC ARRAY['id', id::text, 'city', city])) FROM doc$$);
SELECT calls($$SELECT llm.generate(llm.prompt_fields('id', id, 'city', city, 'odd')) FROM doc$$);
SELECT llm.prompt_fields('id', id, 'city', city) FROM doc ORDER BY id LIMIT 1;
-- From outer queries, views, partitions, and in an UPDATE.
SELECT calls($$SELECT (SELECT llm.generate(llm.prompt_fields('id', d.id, 'city', d.city))) FROM doc d$$);
CREATE VIEW town AS SELECT id AS n, city AS name FROM doc;
SELECT calls($$SELECT llm.generate(llm.prompt_fields('id', n, 'city', name)) FROM town$$);
SELECT calls($$UPDATE doc SET note = llm.generate(llm.prompt_fields('id', id, 'city', city))$$);
CREATE TABLE part (id int, city text) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (100);
CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (100) TO (300);
INSERT INTO part SELECT id, city FROM doc;
SELECT calls($$SELECT llm.generate(llm.prompt_fields('id', id, 'city', city)) FROM part$$);
ANALYZE part;
SELECT calls($$SELECT llm.generate(llm.prompt_fields('id', id, 'city', city)) FROM part$$);
-- The plan has the order, whatever the setting is later.
PREPARE kept AS SELECT llm.generate(llm.prompt_fields('id', id, 'city', city)) FROM doc WHERE id = 1;
SELECT calls('EXECUTE kept');
SET postgres_llm.reorder_fields = off;
EXECUTE kept;
DEALLOCATE kept;
-- The long one first if it saves more, and all rows of a query alike.
CREATE TABLE review (id int, stars int, product text);
INSERT INTO review SELECT i, i % 5, repeat('long description ', 8) || i % 40 FROM generate_series(1, 400) i;
ANALYZE review;
SET postgres_llm.reorder_fields = on;
SELECT calls($$SELECT llm.generate(llm.prompt_fields('stars', stars, 'product', product, 'id', id)) FROM review$$);
SELECT DISTINCT regexp_replace(llm.prompt_fields('stars', stars, 'product', 'p', 'id', id), ': \S+', '', 'g') FROM review;

DROP EXTENSION postgres_llm CASCADE;
DROP TABLE doc, part, review CASCADE;
DROP FUNCTION readahead(text, text);
DROP FUNCTION calls(text);
DROP TYPE mood;
