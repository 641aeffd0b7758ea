-- llm.score on the real engine: log-probabilities that behave like some.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\pset pager off
BEGIN;
SELECT plan(11);

SELECT lives_ok($$SELECT llm.create_model('pgtap_tiny', 'tiny.gguf')$$, 'a model');
SET LOCAL postgres_llm.default_model = 'pgtap_tiny';

SELECT is_empty(
	$$SELECT * FROM llm.score('the cat', ' and the hat is on the mat') WHERE logprob > 0 OR logprob IS NULL$$,
	'a probability is at most one');
SELECT is_empty(
	$$SELECT * FROM (SELECT token_no, row_number() OVER () AS n FROM llm.score('the cat', ' and the hat')) AS s
	  WHERE token_no <> n$$, 'tokens are numbered in order');
SELECT is((SELECT string_agg(token, '' ORDER BY token_no) FROM llm.score('the cat', ' and the hat')),
		  ' and the hat', 'tokens put together are the completion');
SELECT is((SELECT array_agg(token_id ORDER BY token_no) FROM llm.score('the cat', ' and', options => '{"raw": true}')),
		  llm.tokenize('and'), 'which goes on where the prompt ended: one space, not two');
SELECT results_eq($$SELECT * FROM llm.score('the cat', ' and the hat')$$,
				  $$SELECT * FROM llm.score('the cat', ' and the hat')$$, 'twice the same');
SELECT isnt((SELECT sum(logprob) FROM llm.score('the cat', ' and the hat')),
			(SELECT sum(logprob) FROM llm.score('the dog', ' and the hat')), 'the prompt matters');
SELECT isnt((SELECT sum(logprob) FROM llm.score('the cat', ' and the hat', options => '{"raw": true}')),
			(SELECT sum(logprob) FROM llm.score('the cat', ' and the hat')), 'and so does the template');

-- A score is the sum over its tokens, and a longer completion begins as a shorter one does.
SELECT ok((SELECT bool_and(abs(a.logprob - b.logprob) < 1e-6)
		   FROM llm.score('the cat', ' and the hat') AS a
		   JOIN llm.score('the cat', ' and the') AS b USING (token_no)),
		  'what comes later does not matter');

-- The greedy answer's first token is the most probable one: no other first token scores higher.
SELECT is_empty(
	$$WITH best AS (SELECT s.logprob FROM llm.generate_detail('the cat', max_tokens => 1) AS d,
					llm.score('the cat', d.text) AS s WHERE s.token_no = 1 AND d.text <> '')
	  SELECT c FROM unnest('{ the, and, of,x,7,!}'::text[]) AS c, llm.score('the cat', c) AS s, best
	  WHERE s.token_no = 1 AND s.logprob > best.logprob + 1e-6$$, 'greedy takes the most probable');

-- Half a character is no text: its bytes are shown.
SELECT is((SELECT string_agg(token, '' ORDER BY token_no) FROM llm.score('x', '€')), '\xE2\x82\xAC',
		  'tokens that are bytes');

SELECT * FROM finish();
ROLLBACK;
