-- Properties of generation on the real engine, with a small random model: what it says is noise, but
-- the noise must obey.  The runner puts tiny.gguf into the model directory.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\pset pager off
BEGIN;
SELECT plan(47);

SELECT lives_ok($$SELECT llm.create_model('pgtap_tiny', 'tiny.gguf')$$, 'a model of the llama family');
SET LOCAL postgres_llm.default_model = 'pgtap_tiny';
SET LOCAL postgres_llm.max_tokens = 24;

CREATE TEMP TABLE prompt (id int PRIMARY KEY, text text);
INSERT INTO prompt VALUES (1, 'hello'), (2, 'the cat and the hat'), (3, 'one two three four five six seven'),
	(4, 'x'), (5, repeat('again and ', 12));

-- The same call has the same answer.
SELECT is(llm.generate('hello'), llm.generate('hello'), 'greedy: twice the same');
SELECT isnt(llm.generate('hello'), '', 'there is an answer');
SELECT is_empty(
	$$SELECT id FROM prompt WHERE llm.generate(text, temperature => 0.8, seed => 42)
	  <> llm.generate(text, temperature => 0.8, seed => 42)$$, 'a seed: twice the same');
SELECT cmp_ok((SELECT count(DISTINCT llm.generate('hello', temperature => 1.5, seed => s))::int
			   FROM generate_series(1, 10) AS s), '>', 5, 'other seeds: other texts');
SELECT cmp_ok((SELECT count(DISTINCT llm.generate('hello', temperature => 1.5))::int
			   FROM generate_series(1, 10)), '>', 5, 'no seed: another one each time');
SELECT is(llm.generate('hello', temperature => 0, seed => 1), llm.generate('hello', seed => 2),
		  'greedy looks at no seed');
SELECT is(llm.generate('hello', temperature => 2, top_k => 1, seed => 3), llm.generate('hello'),
		  'the best one of one is greedy');
SELECT is(llm.generate('hello', temperature => 2, min_p => 1, seed => 3), llm.generate('hello'),
		  'so is a min_p of one');
SELECT is(llm.generate('hello', temperature => 2, top_p => 1e-9, seed => 3), llm.generate('hello'),
		  'and a tiny top_p');
SELECT is(llm.generate('hello', options => '{"repetition_penalty": 1, "presence_penalty": 0}'),
		  llm.generate('hello'), 'neutral penalties change nothing');
SELECT isnt(llm.generate('hello', max_tokens => 100, options => '{"frequency_penalty": 2, "ignore_eos": true}'),
			llm.generate('hello', max_tokens => 100, options => '{"ignore_eos": true}'),
			'others do');

-- A chat of one message is what a prompt is.
SELECT is(llm.chat('[{"role": "user", "content": "hello"}]'), llm.generate('hello'), 'chat and prompt');
SELECT is(llm.chat('[{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"}]'),
		  llm.generate('hello', system_prompt => 'be brief'), 'system message and system prompt');
SELECT is(llm.chat('[{"role": "user", "content": "hello"}]', system_prompt => 'be brief'),
		  llm.generate('hello', system_prompt => 'be brief'), 'system prompt of a chat');
SELECT isnt(llm.generate('hello', options => '{"raw": true}'), llm.generate('hello'),
			'a raw prompt is another one');

-- max_tokens.
SELECT results_eq(
	$$SELECT n, d.completion_tokens, d.finish_reason FROM generate_series(1, 9, 4) AS n,
	  llm.generate_detail('hello', max_tokens => n, options => '{"ignore_eos": true}') AS d$$,
	$$VALUES (1, 1, 'length'), (5, 5, 'length'), (9, 9, 'length')$$, 'max_tokens is met exactly');
SELECT is_empty(
	$$SELECT id FROM prompt WHERE NOT starts_with(llm.generate(text, max_tokens => 20, options => '{"ignore_eos": true}'),
		rtrim(llm.generate(text, max_tokens => 7, options => '{"ignore_eos": true}'), U&'\FFFD'))$$,
	'fewer tokens are the beginning of more');
SELECT is_empty(
	$$SELECT id FROM prompt, llm.generate_detail(text) AS d
	  WHERE d.completion_tokens > 24 OR (d.finish_reason = 'length') <> (d.completion_tokens = 24)$$,
	'the reason tells whether max_tokens cut the text');

-- Stop strings.
CREATE TEMP TABLE whole AS
SELECT id, text AS prompt, llm.generate(text, options => '{"ignore_eos": true}') AS answer FROM prompt;
CREATE TEMP TABLE cut AS
SELECT id, prompt, answer, substr(answer, 5, 2) AS stop FROM whole WHERE length(answer) > 8;
SELECT cmp_ok((SELECT count(*)::int FROM cut), '>', 2, 'there are answers to cut');
SELECT results_eq(
	$$SELECT id, llm.generate(prompt, stop => ARRAY[stop], options => '{"ignore_eos": true}')
	  FROM cut ORDER BY id$$,
	$$SELECT id, left(answer, strpos(answer, stop) - 1) FROM cut ORDER BY id$$,
	'the text ends before the stop string');
SELECT is_empty(
	$$SELECT id FROM cut, llm.generate_detail(prompt, stop => ARRAY[stop], options => '{"ignore_eos": true}') AS d
	  WHERE d.finish_reason <> 'stop' OR d.completion_tokens > 24$$, 'and says so');
SELECT results_eq(
	$$SELECT id, llm.generate(prompt, stop => ARRAY['no such text', stop, substr(answer, 4, 3)],
							  options => '{"ignore_eos": true}') FROM cut ORDER BY id$$,
	$$SELECT id, left(answer, least(strpos(answer, stop), strpos(answer, substr(answer, 4, 3))) - 1)
	  FROM cut ORDER BY id$$, 'the first of several counts');
SELECT results_eq(
	$$SELECT id, llm.generate(prompt, stop => ARRAY['no such text'], options => '{"ignore_eos": true}')
	  FROM whole ORDER BY id$$,
	$$SELECT id, answer FROM whole ORDER BY id$$, 'one that does not come changes nothing');

-- Streams.
SELECT results_eq(
	$$SELECT id, (SELECT string_agg(s.chunk, '' ORDER BY s.chunk_no)
				  FROM llm.stream(prompt, options => '{"ignore_eos": true}') AS s) FROM whole ORDER BY id$$,
	$$SELECT id, answer FROM whole ORDER BY id$$, 'chunks put together are the text');
SELECT is_empty(
	$$SELECT 1 FROM (SELECT array_agg(chunk_no) AS n FROM llm.stream('hello', options => '{"ignore_eos": true}')) AS s
	  WHERE n <> (SELECT array_agg(i) FROM generate_series(1, cardinality(n)) AS i)$$, 'and are numbered');
SELECT results_eq(
	$$SELECT id, string_agg(chunk, '' ORDER BY chunk_no)
	  FROM (SELECT id, (llm.stream(prompt, stop => ARRAY[stop], options => '{"ignore_eos": true}')).* FROM cut) AS s
	  GROUP BY id ORDER BY id$$,
	$$SELECT id, left(answer, strpos(answer, stop) - 1) FROM cut WHERE strpos(answer, stop) > 1 ORDER BY id$$,
	'nothing of a stop string is ever shown');

-- Details.
SELECT is_empty(
	$$SELECT w.id FROM whole AS w, llm.generate_detail(w.prompt, options => '{"ignore_eos": true}') AS d
	  WHERE d.text <> w.answer OR d.error IS NOT NULL$$, 'the text of the details is the text');
SELECT is_empty(
	$$SELECT w.id FROM whole AS w, llm.generate_detail(w.prompt) AS d
	  WHERE d.prompt_tokens <= llm.count_tokens(w.prompt) OR d.cached_tokens NOT BETWEEN 0 AND d.prompt_tokens
	  OR d.completion_tokens < 1 OR d.ttft_ms <= 0 OR d.total_ms < d.ttft_ms$$, 'and the numbers fit');
SELECT is((SELECT prompt_tokens FROM llm.generate_detail('the cat', options => '{"raw": true}')),
		  llm.count_tokens('the cat') + 1, 'a raw prompt has its tokens and the begin token');

-- A prompt that begins like an earlier one is not computed anew, where prefixes are shared.
SET LOCAL postgres_llm.prefix_sharing = off;
CREATE TEMP TABLE apart AS
	SELECT n, d.* FROM generate_series(1, 2) AS n, llm.generate_detail(repeat('over and over ', 12) || n) AS d;
SELECT is((SELECT sum(cached_tokens) FROM apart), 0::int8, 'nothing is shared when that is off');
SET LOCAL postgres_llm.prefix_sharing = role;
CREATE TEMP TABLE shared AS
	SELECT n, d.* FROM generate_series(1, 2) AS n, llm.generate_detail(repeat('over and over ', 12) || n) AS d;
SELECT ok((SELECT bool_or(cached_tokens >= 16) FROM shared), 'what a role has asked is shared with itself');
SELECT is_empty($$SELECT n FROM apart JOIN shared USING (n) WHERE apart.text <> shared.text$$,
				'and no answer changes');
SET LOCAL postgres_llm.prefix_sharing = database;
SELECT ok((SELECT cached_tokens < 16 FROM llm.generate_detail(repeat('over and over ', 12) || 'once')),
		  'but not with others, who share with it no more than how all prompts begin');

-- Tokens.
SELECT is_empty(
	$$SELECT id FROM prompt WHERE llm.detokenize(llm.tokenize(text)) <> text$$, 'tokens are the text');
SELECT is_empty(
	$$SELECT id FROM prompt WHERE cardinality(llm.tokenize(text)) <> llm.count_tokens(text)$$, 'and are counted');
SELECT is(llm.detokenize(llm.tokenize('naïve €uro 😀 日本')), 'naïve €uro 😀 日本', 'also where bytes are tokens');
SELECT isnt(llm.tokenize('<|im_end|>'), ARRAY[260], 'text that looks like a control token stays text');

-- Limits of the model.
SELECT throws_ok($$SELECT llm.generate(repeat('word ', 5000))$$, '53400', NULL, 'a prompt beyond the context');
SELECT is(llm.generate(repeat('word ', 5000), options => '{"on_error": "null"}'), NULL, '... or NULL');
SELECT isnt((SELECT error FROM llm.generate_detail(repeat('word ', 5000), options => '{"on_error": "null"}')),
			NULL, '... with the reason');
SELECT throws_ok($$SELECT llm.detokenize('{1000000}')$$, '22023', NULL, 'a token beyond the vocabulary');

-- Files that are no models are refused when the model is made.
SELECT throws_ok($$SELECT llm.create_model('pgtap_bad', current_setting('config_file'))$$, 'XX001', NULL,
				 'a file that is no model');
SELECT throws_ok($$SELECT llm.create_model('pgtap_bad', 'tiny.gguf', '{"context_length": 1000000}')$$, '22023', NULL,
				 'more context than the model has');
SELECT is_empty($$SELECT name FROM llm.models WHERE name = 'pgtap_bad'$$, 'nothing of them stays');

-- The engine's own count.
SELECT ok((SELECT state = 'loaded' AND loaded_bytes > 0 AND context_length > 0 AND slots > 0
		   FROM llm.model_status WHERE model = 'pgtap_tiny'), 'the model is loaded');
SELECT lives_ok($$SELECT llm.drop_model('pgtap_tiny')$$, 'drop');

SELECT * FROM finish();
ROLLBACK;
