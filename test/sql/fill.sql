-- CALL llm.fill: a column filled in chunks, with the fake engine, which echoes prompts.
CREATE EXTENSION postgres_llm;
SELECT llm.create_model('tiny', 'tiny.gguf');
SET postgres_llm.default_model = 'tiny';
SET client_min_messages = warning;
\set SHOW_CONTEXT never

CREATE TABLE article (id int PRIMARY KEY, body text, summary text, problem text);
INSERT INTO article (id, body) SELECT i, 'text ' || i FROM generate_series(1, 25) i;
UPDATE article SET body = NULL WHERE id = 4;
UPDATE article SET summary = 'there already' WHERE id = 5;

CALL llm.fill('article', 'summary', $$'Sum up: ' || body$$, chunk_rows => 10);
SELECT id, summary FROM article WHERE id IN (1, 4, 5, 10, 11, 25) ORDER BY id;
SELECT count(*) FILTER (WHERE summary LIKE 'fake: Sum up: text %') AS filled,
	   count(*) FILTER (WHERE summary IS NULL) AS empty, count(DISTINCT xmin::text) AS transactions
FROM article WHERE id NOT IN (4, 5);
-- Again: nothing to do but the row without a prompt.
CALL llm.fill('article', 'summary', $$'Sum up: ' || body$$);

-- A filter, a limit, a model and options.
UPDATE article SET summary = NULL;
CALL llm.fill('article', 'summary', 'body', filter => 'id % 2 = 0', max_rows => 5);
SELECT array_agg(id ORDER BY id) FROM article WHERE summary IS NOT NULL;
CALL llm.fill('article', 'summary', $$body || ' and more words'$$, model => 'tiny', max_rows => 1,
			  options => '{"max_tokens": 2}');
SELECT summary FROM article WHERE id = 1;
CALL llm.fill('article', 'summary', $$'[[show]]'$$, filter => 'id = 3',
			  options => '{"system_prompt": "Be brief.", "temperature": 0.5, "seed": 7}');
SELECT summary FROM article WHERE id = 3;
-- The row's columns by every name, a sub-select, a comment at the end.
CALL llm.fill('article', 'summary', 'article.body -- the text', filter => 'id = 7 /* one row */');
CALL llm.fill('article', 'summary', '(SELECT max(a.body) FROM article a WHERE a.id = article.id)',
			  filter => 'public.article.id = 9');
SELECT id, summary FROM article WHERE id IN (7, 9) ORDER BY id;

-- Errors of rows: the first one ends it, after the rows before it are safe.
UPDATE article SET summary = NULL;
UPDATE article SET body = '[[fail=limit]]' WHERE id IN (13, 17);
\set VERBOSITY sqlstate
CALL llm.fill('article', 'summary', 'body');
\set VERBOSITY default
\set SHOW_CONTEXT errors
CALL llm.fill('article', 'summary', 'body');
\set SHOW_CONTEXT never
SELECT count(summary) AS filled, max(id) FILTER (WHERE summary IS NOT NULL) AS last FROM article;
-- Into a column: a row with an error is left alone until that is NULL again.
CALL llm.fill('article', 'summary', 'body', error_column => 'problem', chunk_rows => 4);
SELECT id, summary, problem FROM article WHERE problem IS NOT NULL ORDER BY id;
CALL llm.fill('article', 'summary', 'body', error_column => 'problem');
UPDATE article SET body = 'mended', problem = NULL WHERE id = 13;
CALL llm.fill('article', 'summary', 'body', error_column => 'problem');
SELECT id, summary, problem FROM article WHERE id IN (13, 17) ORDER BY id;
-- Into a table.
UPDATE article SET problem = NULL, summary = NULL;
CREATE TABLE fill_error (relation regclass, key jsonb, error text, at timestamptz, PRIMARY KEY (relation, key));
CALL llm.fill('article', 'summary', 'body', error_table => 'fill_error');
SELECT relation, key, error, at <= clock_timestamp() AS at FROM fill_error;
CALL llm.fill('article', 'summary', 'body', error_table => 'fill_error');
DELETE FROM fill_error;
CALL llm.fill('article', 'summary', $$'mended'$$, error_table => 'fill_error');
SELECT count(*) FILTER (WHERE summary IS NULL) AS empty FROM article;

-- The prompt of a row fails: that is its error.
UPDATE article SET summary = NULL;
CALL llm.fill('article', 'summary', $$'number ' || 100 / (id - 6)$$, chunk_rows => 10);
SELECT count(summary) AS filled, max(id) FILTER (WHERE summary IS NOT NULL) AS last FROM article;
CALL llm.fill('article', 'summary', $$'number ' || 100 / (id - 6)$$, error_column => 'problem', chunk_rows => 10);
SELECT id, summary, problem FROM article WHERE id IN (5, 6, 7) ORDER BY id;

-- The table does not accept an answer: that, too.
CREATE TABLE label (id int PRIMARY KEY, body text, word varchar(9), problem text,
	CHECK (word NOT LIKE '%bad%'));
INSERT INTO label (id, body) VALUES (1, 'a'), (2, 'far too long'), (3, 'bad'), (4, 'b');
CALL llm.fill('label', 'word', 'body');
SELECT id, word FROM label ORDER BY id;
CALL llm.fill('label', 'word', 'body', error_column => 'problem');
SELECT id, word, problem FROM label ORDER BY id;
CALL llm.fill('label', 'word', 'body', filter => 'problem IS NOT NULL', error_table => 'fill_error');
SELECT key, error FROM fill_error ORDER BY key;
DROP TABLE label;

-- Keys: several columns, other types, names that need quotes, a unique index instead of a primary key.
CREATE DOMAIN short_text AS text CHECK (VALUE <> 'x');
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE "Odd ""name" (
	"Mood" mood, "a b" text COLLATE "C", "day" date, "in" int4range, "The Text" short_text,
	PRIMARY KEY ("Mood", "a b", "day", "in"));
INSERT INTO "Odd ""name" SELECT m, chr(97 + i % 7), date '2024-01-01' + i % 3, int4range(i, i + 2)
FROM unnest(enum_range(NULL::mood)) m, generate_series(1, 20) i;
CALL llm.fill('"Odd ""name"', 'The Text', $$"Mood" || ' ' || "a b"$$, chunk_rows => 7);
SELECT count(*), count(DISTINCT xmin::text) AS transactions FROM "Odd ""name"
WHERE "The Text" = 'fake: ' || "Mood" || ' ' || "a b";
DROP TABLE "Odd ""name";
-- A type with operators of its own, in a schema that search_path does not name, beside one of the server's.
CREATE SCHEMA rank;
CREATE TYPE rank.rank;
CREATE FUNCTION rank.rank_in(cstring) RETURNS rank.rank LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION rank.rank_out(rank.rank) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE rank.rank (INPUT = rank.rank_in, OUTPUT = rank.rank_out, LIKE = int4);
CREATE FUNCTION rank.lt(rank.rank, rank.rank) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'int4lt';
CREATE FUNCTION rank.le(rank.rank, rank.rank) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'int4le';
CREATE FUNCTION rank.eq(rank.rank, rank.rank) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'int4eq';
CREATE FUNCTION rank.ge(rank.rank, rank.rank) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'int4ge';
CREATE FUNCTION rank.gt(rank.rank, rank.rank) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'int4gt';
CREATE FUNCTION rank.cmp(rank.rank, rank.rank) RETURNS int LANGUAGE internal IMMUTABLE STRICT AS 'btint4cmp';
CREATE OPERATOR rank.< (LEFTARG = rank.rank, RIGHTARG = rank.rank, FUNCTION = rank.lt);
CREATE OPERATOR rank.<= (LEFTARG = rank.rank, RIGHTARG = rank.rank, FUNCTION = rank.le);
CREATE OPERATOR rank.= (LEFTARG = rank.rank, RIGHTARG = rank.rank, FUNCTION = rank.eq);
CREATE OPERATOR rank.>= (LEFTARG = rank.rank, RIGHTARG = rank.rank, FUNCTION = rank.ge);
CREATE OPERATOR rank.> (LEFTARG = rank.rank, RIGHTARG = rank.rank, FUNCTION = rank.gt);
CREATE OPERATOR CLASS rank.ops DEFAULT FOR TYPE rank.rank USING btree AS
	OPERATOR 1 rank.<, OPERATOR 2 rank.<=, OPERATOR 3 rank.=, OPERATOR 4 rank.>=, OPERATOR 5 rank.>,
	FUNCTION 1 rank.cmp(rank.rank, rank.rank);
CREATE TABLE player (team int, place rank.rank, year int, words text, PRIMARY KEY (team, place, year));
INSERT INTO player SELECT i / 9, (i / 3 % 3)::text::rank.rank, i % 3 FROM generate_series(0, 26) i;
CALL llm.fill('player', 'words', $$team || '/' || place::text || '/' || year$$, chunk_rows => 4);
SELECT count(*), count(DISTINCT xmin::text) AS transactions FROM player WHERE words = 'fake: ' || team || '/' || place::text || '/' || year;
DROP TABLE player;
SET client_min_messages = error;
DROP SCHEMA rank CASCADE;
SET client_min_messages = warning;
CREATE TABLE no_primary (a int NOT NULL, b text NOT NULL, c text);
INSERT INTO no_primary VALUES (1, 'x'), (1, 'y'), (2, 'x');
CALL llm.fill('no_primary', 'c', 'b');
CREATE UNIQUE INDEX ON no_primary (a, b) WHERE a > 0;
CREATE UNIQUE INDEX ON no_primary (lower(b), a);
CREATE UNIQUE INDEX ON no_primary (b text_pattern_ops, a);
CALL llm.fill('no_primary', 'c', 'b');
CREATE UNIQUE INDEX ON no_primary (b, a DESC);
CALL llm.fill('no_primary', 'c', 'b', chunk_rows => 1);
ALTER TABLE no_primary ALTER b DROP NOT NULL;
CALL llm.fill('no_primary', 'c', 'b');
DROP TABLE no_primary;

-- Partitions, rows that move between them, and children by inheritance.
CREATE TABLE part (region text, id int, body text, answer text, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE part_a PARTITION OF part FOR VALUES IN ('a');
CREATE TABLE part_b PARTITION OF part FOR VALUES IN ('b') PARTITION BY RANGE (id);
CREATE TABLE part_b1 PARTITION OF part_b FOR VALUES FROM (0) TO (10);
CREATE TABLE part_b2 PARTITION OF part_b FOR VALUES FROM (10) TO (100);
INSERT INTO part SELECT CASE i % 2 WHEN 0 THEN 'a' ELSE 'b' END, i, 'p' || i FROM generate_series(1, 30) i;
CALL llm.fill('part', 'answer', 'body', chunk_rows => 4);
SELECT tableoid::regclass, count(*), count(*) FILTER (WHERE answer = 'fake: ' || body) AS filled
FROM part GROUP BY 1 ORDER BY 1;
DROP TABLE part;

-- What cannot be filled, and arguments that are wrong.
CREATE VIEW article_view AS SELECT * FROM article;
CREATE TABLE odd (id int PRIMARY KEY, n int, j jsonb, g text GENERATED ALWAYS AS ('x') STORED, t text);
CALL llm.fill('article_view', 'summary', 'body');
CALL llm.fill('pg_catalog.pg_description', 'description', $$'x'$$);
CALL llm.fill('odd', 'n', $$'x'$$);
CALL llm.fill('odd', 'j', $$'x'$$);
CALL llm.fill('odd', 'g', $$'x'$$);
CALL llm.fill('odd', 'nothing', $$'x'$$);
CALL llm.fill('odd', 't', $$'x'$$, error_column => 'n');
CALL llm.fill('odd', 't', $$'x'$$, error_column => 't');
CALL llm.fill('odd', 't', $$'x'$$, error_table => 'article');
CALL llm.fill('odd', 't', $$'x'$$, error_column => 'g', error_table => 'fill_error');
CALL llm.fill('nowhere', 't', $$'x'$$);
CALL llm.fill('odd', 't', NULL);
CALL llm.fill('odd', 't', $$'x'$$, chunk_rows => 0);
CALL llm.fill('odd', 't', $$'x'$$, max_rows => 0);
CALL llm.fill('odd', 't', $$'x'$$, model => 'nowhere');
CALL llm.fill('odd', 't', $$'x'$$, options => '{"heat": 1}');
CALL llm.fill('odd', 't', $$'x'$$, options => '{"on_error": "null"}');
BEGIN;
CALL llm.fill('odd', 't', $$'x'$$);
ROLLBACK;
CREATE PROCEDURE with_setting() LANGUAGE plpgsql SET work_mem = '1MB' AS $$
DECLARE n int8;
BEGIN
	CALL llm.fill('odd', 't', '''x''', rows_filled => n, rows_failed => n, rows_skipped => n, rows_left => n);
END $$;
CALL with_setting();
SET default_transaction_read_only = on;
CALL llm.fill('odd', 't', $$'x'$$);
RESET default_transaction_read_only;

-- Prompt and filter are one expression each, and nothing else gets through.
INSERT INTO odd (id) VALUES (1), (2);
CALL llm.fill('odd', 't', $$$$);
CALL llm.fill('odd', 't', $$'a', 'b'$$);
CALL llm.fill('odd', 't', $$'a') , ('b'$$);
CALL llm.fill('odd', 't', $$'a' AS b$$);
CALL llm.fill('odd', 't', $$'a' FROM article$$);
CALL llm.fill('odd', 't', $$'a' /* open$$);
CALL llm.fill('odd', 't', $$'a$$);
CALL llm.fill('odd', 't', $$'a'; DROP TABLE odd$$);
CALL llm.fill('odd', 't', $$'a')::text FROM odd; DROP TABLE odd; --$$);
CALL llm.fill('odd', 't', $$'a'$$, filter => 'false) OR (true');
CALL llm.fill('odd', 't', $$'a'$$, filter => 'true LIMIT 1');
CALL llm.fill('odd', 't', $$'a'$$, filter => 'true FOR UPDATE');
CALL llm.fill('odd', 't', $$'a'$$, filter => 'id');
CALL llm.fill('odd', 't', $$id$$);
CALL llm.fill('odd', 't', $$odd.*$$);
CALL llm.fill('odd', 't', $$*$$);
CALL llm.fill('odd', 't', $$$1$$);
CALL llm.fill('odd', 't', $$nothing || 'x'$$);
CALL llm.fill('odd', 't', $$asked.prompt$$);
CALL llm.fill('odd', 't', $$count(*)::text$$);
CALL llm.fill('odd', 't', $$unnest('{a,b}'::text[])$$);
CALL llm.fill('odd', 't', $$'x'$$, filter => 'row_number() OVER () = 1');
SELECT id, t FROM odd ORDER BY id;
-- search_path cannot slip in operators or functions of its own.
CREATE SCHEMA trap;
CREATE FUNCTION trap.never(anyelement, anyelement) RETURNS bool LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped'; END$$;
CREATE FUNCTION trap.never(int, int) RETURNS bool LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped'; END$$;
CREATE FUNCTION trap.never(oid, oid) RETURNS bool LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped'; END$$;
CREATE FUNCTION trap.never(tid, tid) RETURNS bool LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped'; END$$;
CREATE OPERATOR trap.> (LEFTARG = int, RIGHTARG = int, FUNCTION = trap.never);
CREATE OPERATOR trap.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = trap.never);
CREATE OPERATOR trap.= (LEFTARG = tid, RIGHTARG = tid, FUNCTION = trap.never);
CREATE FUNCTION trap.count() RETURNS int LANGUAGE sql AS 'SELECT 7';
CREATE FUNCTION trap.unnest(anyarray) RETURNS SETOF int LANGUAGE sql AS 'SELECT 7';
SET search_path = trap, pg_catalog, public;
CALL llm.fill('odd', 't', $$'x'$$, chunk_rows => 1);
RESET search_path;
SET client_min_messages = error;
DROP SCHEMA trap CASCADE;
SET client_min_messages = warning;

-- Each chunk has its own snapshot at every level of isolation.
UPDATE odd SET t = NULL;
SET default_transaction_isolation = 'serializable';
CALL llm.fill('odd', 't', $$'x'$$, chunk_rows => 1);
RESET default_transaction_isolation;

-- In a DO block that is a statement of its own; the results are variables.
UPDATE odd SET t = NULL;
DO $$
DECLARE filled int8; failed int8; skipped int8; remaining int8;
BEGIN
	CALL llm.fill('odd', 't', '''x''', rows_filled => filled, rows_failed => failed,
				  rows_skipped => skipped, rows_left => remaining);
	RAISE WARNING 'filled %, failed %, skipped %, left %', filled, failed, skipped, remaining;
END $$;

-- A BEFORE trigger that drops the update, or takes the value back, does not make it run for ever.
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$;
CREATE FUNCTION take_back() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.t := NULL; RETURN NEW; END$$;
UPDATE odd SET t = NULL;
CREATE TRIGGER refuse BEFORE UPDATE ON odd FOR EACH ROW EXECUTE FUNCTION refuse();
CALL llm.fill('odd', 't', $$'x'$$);
DROP TRIGGER refuse ON odd;
CREATE TRIGGER take_back BEFORE UPDATE ON odd FOR EACH ROW EXECUTE FUNCTION take_back();
CALL llm.fill('odd', 't', $$'x'$$);
DROP TRIGGER take_back ON odd;

-- The caller's rights and policies.
CREATE ROLE llm_fill_user;
GRANT USAGE ON FOREIGN SERVER tiny TO llm_fill_user;
SET ROLE llm_fill_user;
CALL llm.fill('odd', 't', $$'x'$$);
RESET ROLE;
GRANT SELECT ON odd TO llm_fill_user;
SET ROLE llm_fill_user;
CALL llm.fill('odd', 't', $$'x'$$);
RESET ROLE;
GRANT UPDATE (t) ON odd TO llm_fill_user;
ALTER TABLE odd ENABLE ROW LEVEL SECURITY;
CREATE POLICY second ON odd TO llm_fill_user USING (id = 2);
SET ROLE llm_fill_user;
CALL llm.fill('odd', 't', $$'x'$$);
SELECT * FROM llm.progress_fill;
RESET ROLE;
SELECT id, t FROM odd ORDER BY id;
REVOKE USAGE ON FOREIGN SERVER tiny FROM llm_fill_user;
SET ROLE llm_fill_user;
CALL llm.fill('odd', 't', $$'x'$$);
RESET ROLE;
DROP OWNED BY llm_fill_user;
DROP ROLE llm_fill_user;

-- A trigger that answers for the rows of a statement together (README, "Triggers").
CREATE TABLE ticket (id int PRIMARY KEY, body text, reply text);
CREATE FUNCTION reply_to_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE ticket SET reply = llm.generate('Reply to: ' || fresh.body, max_tokens => 60)
	FROM fresh WHERE ticket.id = fresh.id AND fresh.reply IS NULL;
	RETURN NULL;
END $$;
CREATE TRIGGER reply_to_new AFTER INSERT ON ticket REFERENCING NEW TABLE AS fresh
FOR EACH STATEMENT EXECUTE FUNCTION reply_to_new();
INSERT INTO ticket VALUES (1, 'one'), (2, 'two'), (3, NULL);
INSERT INTO ticket VALUES (4, 'four', 'has one');
COPY ticket (id, body) FROM stdin;
5	five
6	six
\.
SELECT id, reply FROM ticket ORDER BY id;

\d llm.progress_fill
DROP TABLE ticket, fill_error, odd CASCADE;
DROP TABLE article CASCADE;
DROP FUNCTION reply_to_new, refuse, take_back;
DROP PROCEDURE with_setting;
DROP DOMAIN short_text;
DROP TYPE mood;
SELECT llm.drop_model('tiny');
DROP EXTENSION postgres_llm;
