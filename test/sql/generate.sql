-- llm.generate, llm.generate_detail and llm.chat on the fake engine.
CREATE EXTENSION postgres_llm;
SELECT llm.create_model('tiny', 'tiny.gguf');
SET postgres_llm.default_model = 'tiny';

SELECT llm.generate('hello world');
SELECT llm.generate('');
SELECT llm.generate(prompt => 'hello', model => 'tiny', max_tokens => 2);

-- NULL in, NULL out; nothing else is looked at.
SELECT llm.generate(NULL) IS NULL AS generate,
	   llm.generate(NULL, model => 'no such model', max_tokens => -1) IS NULL AS at_once,
	   llm.chat(NULL) IS NULL AS chat,
	   llm.generate_detail(NULL) IS NULL AS detail;
SELECT * FROM llm.generate_detail(NULL);

-- Over a table.
CREATE TABLE ticket (id int PRIMARY KEY, body text, reply text);
INSERT INTO ticket (id, body) VALUES (1, 'one'), (2, NULL), (3, 'three');
SELECT id, llm.generate(body) FROM ticket ORDER BY id;
SELECT id FROM ticket WHERE llm.generate(body) LIKE '%three' ORDER BY id;
UPDATE ticket SET reply = llm.generate(body || '!');
SELECT id, reply FROM ticket ORDER BY id;

-- Stop strings and max_tokens show in the reason.
SELECT text, finish_reason, prompt_tokens, completion_tokens, cached_tokens, error
FROM llm.generate_detail('one two three');
SELECT text, finish_reason, completion_tokens
FROM llm.generate_detail('one two three', stop => ARRAY['none', ' two']);
SELECT text, finish_reason, completion_tokens
FROM llm.generate_detail('one two three', max_tokens => 2);
SELECT ttft_ms > 0 AND total_ms >= ttft_ms AS times FROM llm.generate_detail('[[steps=3]]x');

-- Errors of the engine, and of rows that may fail.
SELECT llm.generate('[[fail=limit]]');
SELECT llm.generate('[[fail=template]]');
SELECT llm.generate('[[fail=limit]]', options => '{"on_error": "null"}') IS NULL AS is_null;
SELECT id, text, error FROM
	(VALUES (1, 'fine'), (2, '[[fail=corrupt]]'), (3, 'fine again')) AS v (id, prompt),
	llm.generate_detail(prompt, options => '{"on_error": "null"}');
SELECT llm.chat('[{"role": "user", "content": "[[fail=limit]]"}]', options => '{"on_error": "null"}')
	IS NULL AS is_null;
-- What is wrong with the call itself is no error of a row.
SELECT llm.generate('x', model => 'nowhere', options => '{"on_error": "null"}');
SELECT llm.generate('x', options => '{"on_error": "null", "temperature": 99}');
-- Nor is a cancel.
SET statement_timeout = '100ms';
SELECT llm.generate('[[hang]]', options => '{"on_error": "null"}');
RESET statement_timeout;

-- An error inside a subtransaction gives the request up.
DO $$
BEGIN
	PERFORM llm.generate('[[fail=limit]]');
EXCEPTION WHEN configuration_limit_exceeded THEN
	RAISE NOTICE 'caught: %', SQLERRM;
END $$;
SELECT llm.generate('and on we go');

-- Chats.
SELECT llm.chat('[{"role": "user", "content": "hello"}]');
\pset format unaligned
\pset tuples_only on
SELECT substring(llm.chat('[{"role": "system", "content": "s"}, {"role": "user", "content": "a"},
	{"role": "assistant", "content": ""}, {"role": "user", "content": "[[show]]"}]') from 'system=.*');
SELECT substring(llm.chat('[{"role": "user", "content": "[[show]]"}]', system_prompt => 'be brief')
	from 'system=.*');
SELECT llm.chat('{"role": "user", "content": "x"}');
SELECT llm.chat('"x"');
SELECT llm.chat('[]');
SELECT llm.chat('["x"]');
SELECT llm.chat('[[]]');
SELECT llm.chat('[{"role": "user", "content": "x"}, {"role": "user"}]');
SELECT llm.chat('[{"content": "x"}]');
SELECT llm.chat('[{"role": "", "content": "x"}]');
SELECT llm.chat('[{"role": "user", "content": null}]');
SELECT llm.chat('[{"role": 1, "content": "x"}]');
SELECT llm.chat('[{"role": "user", "content": "x", "name": "me"}]');
SELECT llm.chat('[{"role": "system", "content": "a"}]', system_prompt => 'b');
SELECT llm.chat((SELECT jsonb_agg('{"role": "user", "content": "x"}'::jsonb)
				 FROM generate_series(1, 1025)));
SELECT llm.chat((SELECT jsonb_agg('{"role": "user", "content": "x"}'::jsonb)
				 FROM generate_series(1, 1024)));
\pset format aligned
\pset tuples_only off

-- Prompts and answers of a megabyte.
SELECT length(llm.generate('[[bytes=1000000]]' || repeat('x', 1000000)));

DROP TABLE ticket;
SELECT llm.drop_model('tiny');
DROP EXTENSION postgres_llm;
