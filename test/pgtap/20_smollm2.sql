-- The built-in model, where its file is there: what it says makes sense.  Expected ids, texts and
-- log-probabilities are those of an independent implementation in F32.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\pset pager off
BEGIN;
SELECT plan(16);
SET LOCAL postgres_llm.default_model = 'smollm2';

SELECT (pg_stat_file(current_setting('postgres_llm.model_directory') || '/SmolLM2-135M-Instruct.Q4_1.gguf',
					 true)).size IS NULL AS is_missing \gset
\if :is_missing
SELECT skip('the file of SmolLM2 is not in the model directory', 16);
\else

SELECT is(llm.tokenize('What is the capital of France?'), '{1780,314,260,3575,282,4649,47}', 'tokens');
SELECT is(llm.detokenize('{504,3575,282,4649,314,7042,30}'), 'The capital of France is Paris.', 'text');
SELECT is(llm.detokenize(llm.tokenize(t)), t, 'round trip')
FROM (VALUES ('Überprüfe: Straße, naïve café, 東京, 🙂 — 12345')) AS v (t);

-- With weights as they are in the file.
SELECT results_eq(
	$$SELECT token_no, token_id, token FROM llm.score('What is the capital of France?', 'The capital of France is Paris.')$$,
	$$VALUES (1, 504, 'The'), (2, 3575, ' capital'), (3, 282, ' of'), (4, 4649, ' France'), (5, 314, ' is'),
			 (6, 7042, ' Paris'), (7, 30, '.')$$, 'tokens of a score');
SELECT ok((SELECT abs(logprob - -1.8827) < 0.02 FROM llm.score('What is the capital of France?', 'The')),
		  'native weights are near');
SELECT cmp_ok((SELECT logprob FROM llm.score('The capital of France is', ' Paris', options => '{"raw": true}')),
			  '>', (SELECT logprob FROM llm.score('The capital of France is', ' Rome', options => '{"raw": true}')),
			  'Paris, not Rome');
SELECT is(llm.generate('What is the capital of France?'), 'The capital of France is Paris.', 'Paris');
SELECT is(llm.generate('Say hello.', max_tokens => 12), llm.generate('Say hello.', max_tokens => 12), 'twice the same');
SELECT is((SELECT prompt_tokens FROM llm.generate_detail('What is the capital of France?', max_tokens => 1)), 37,
		  'the prompt with its template');

-- Drafts: an answer that copies its prompt is the same with them and without.
PREPARE copied (bool) AS
SELECT t.id, d.text, d.finish_reason, d.completion_tokens
FROM (VALUES (1, 0.0::float8), (2, 0.7)) AS t (id, temperature),
	 llm.generate_detail('Repeat exactly: one two three four, one two three four, one two three four.', max_tokens => 40,
						 temperature => t.temperature, seed => 5, options => jsonb_build_object('speculation', $1)) AS d
ORDER BY t.id;
CREATE TEMP TABLE drafted AS EXECUTE copied(true);
SELECT results_eq($$EXECUTE copied(false)$$, $$SELECT * FROM drafted ORDER BY id$$, 'drafts change no answer');
SELECT is((SELECT drafted_tokens FROM llm.generate_detail('Count: 1 2 3 1 2 3', max_tokens => 20,
														   options => '{"speculation": false}')), 0, 'none without them');
SELECT ok((SELECT accepted_tokens BETWEEN 0 AND drafted_tokens AND drafted_tokens >= 0 FROM llm.stat_engine
		   WHERE model = 'smollm2'), 'accepted are some of the drafted');

-- With exact weights: the reference's answer, and its numbers.
SELECT lives_ok($$SELECT llm.create_model('pgtap_exact', 'SmolLM2-135M-Instruct.Q4_1.gguf',
										  '{"weights": "f32", "kv_cache_type": "f32", "context_length": 256}')$$,
				'a model with exact weights');
SELECT results_eq(
	$$SELECT text, finish_reason, completion_tokens
	  FROM llm.generate_detail('What is the capital of France?', 'pgtap_exact', max_tokens => 20)$$,
	$$VALUES ('The capital of France is Paris.', 'stop', 8)$$, 'the answer');
SELECT ok((SELECT abs(logprob - -1.8827) < 0.01
		   FROM llm.score('What is the capital of France?', 'The', 'pgtap_exact')), 'its log-probability');
SELECT lives_ok($$SELECT llm.drop_model('pgtap_exact')$$, 'drop');

\endif
SELECT * FROM finish();
ROLLBACK;
