-- Planning and EXPLAIN send no generation; cheap conditions come first.
CREATE EXTENSION postgres_llm;
SELECT llm.create_model('tiny', 'tiny.gguf');
SET postgres_llm.default_model = 'tiny';
CREATE TABLE doc (id int PRIMARY KEY, body text);
INSERT INTO doc SELECT i, 'document ' || i FROM generate_series(1, 100) AS i;
ANALYZE doc;

-- Requests that a statement sent.
CREATE FUNCTION requests_of(statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	before bigint := (SELECT requests FROM llm.engine_status);
BEGIN
	EXECUTE statement;
	RETURN (SELECT requests FROM llm.engine_status) - before;
END $$;

SELECT requests_of($$EXPLAIN SELECT llm.generate('constant')$$);
SELECT requests_of($$EXPLAIN SELECT * FROM doc WHERE body = llm.generate('constant')$$);
SELECT requests_of($$EXPLAIN SELECT * FROM doc WHERE id = length(llm.generate('constant'))$$);
SELECT requests_of($$EXPLAIN SELECT * FROM doc WHERE body = llm.chat('[{"role": "user", "content": "x"}]')$$);
SELECT requests_of($$EXPLAIN SELECT * FROM doc, llm.stream(body)$$);
SELECT requests_of($$EXPLAIN SELECT * FROM doc, llm.score('constant', 'x')$$);
SELECT requests_of($$EXPLAIN SELECT (llm.generate_detail(body)).* FROM doc$$);
SELECT requests_of($$PREPARE later AS SELECT llm.generate($1)$$);
SELECT requests_of($$CREATE VIEW answers AS SELECT id, llm.generate(body) AS answer FROM doc$$);
SELECT requests_of($$EXPLAIN SELECT count(*) FROM answers$$);

-- Once per row, only where it is needed.
SELECT requests_of($$SELECT llm.generate(body) FROM doc WHERE id <= 7$$);
SELECT requests_of($$SELECT id FROM doc WHERE llm.generate(body) IS NOT NULL AND id <= 7$$);
SELECT requests_of($$SELECT llm.generate(body) FROM doc ORDER BY id LIMIT 3$$);
SELECT requests_of($$SELECT llm.generate(CASE WHEN id = 5 THEN body END) FROM doc$$);
SELECT requests_of($$SELECT CASE WHEN id = 5 THEN llm.generate(body) END FROM doc$$);
SELECT requests_of($$SELECT a, length(a) FROM (SELECT llm.generate(body) AS a FROM doc WHERE id <= 7) AS s$$);

-- Tokenising is STABLE: the planner may ask, and one statement asks the same once.
SELECT requests_of($$EXPLAIN SELECT * FROM doc WHERE id = llm.count_tokens('document')$$);
SELECT requests_of($$SELECT * FROM doc WHERE id = llm.count_tokens('document')$$);
SELECT requests_of($$SELECT id, llm.count_tokens(body) FROM doc WHERE llm.count_tokens(body) > 0 AND id <= 7$$);
SELECT requests_of($$SELECT llm.count_tokens('a'), llm.tokenize('a'), llm.count_tokens('a')$$);
SELECT requests_of(format('SELECT llm.count_tokens(%L), llm.count_tokens(%1$L)', repeat('long ', 2000)));

EXPLAIN (COSTS OFF) SELECT id FROM doc WHERE llm.generate(body) = 'yes' AND body LIKE '%7%';
EXPLAIN (COSTS OFF, VERBOSE) SELECT id, llm.generate(body) FROM doc ORDER BY id + 1 LIMIT 3;

-- Neither indexes nor generated columns can rest on what a model says.
CREATE INDEX ON doc (llm.generate(body));
CREATE INDEX ON doc (llm.count_tokens(body));
ALTER TABLE doc ADD COLUMN answer text GENERATED ALWAYS AS (llm.generate(body)) STORED;

DROP VIEW answers;
DROP TABLE doc;
DROP FUNCTION requests_of;
SELECT llm.drop_model('tiny');
DROP EXTENSION postgres_llm;
