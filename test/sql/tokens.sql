-- llm.tokenize, llm.detokenize, llm.count_tokens and llm.score on the fake engine, where a token is a
-- byte, or for scores a word.
CREATE EXTENSION postgres_llm;
SELECT llm.create_model('tiny', 'tiny.gguf');
SET postgres_llm.default_model = 'tiny';

SELECT llm.tokenize('abc'), llm.tokenize(''), llm.tokenize('é', 'tiny');
SELECT llm.count_tokens('abc'), llm.count_tokens(''), llm.count_tokens('é', model => 'tiny');
SELECT llm.detokenize('{97,98,99}'), llm.detokenize('{}') = '' AS empty,
	   llm.detokenize(ARRAY[195, 169], 'tiny');
SELECT left(t, 20) AS t, llm.detokenize(llm.tokenize(t)) = t AS same, cardinality(llm.tokenize(t)) = llm.count_tokens(t)
	AS counted
FROM (VALUES ('hello'), ('two words'), ('naïve €uro 😀'), (repeat('long ', 100))) AS v (t)
ORDER BY length(v.t);
SELECT llm.detokenize(llm.tokenize(E'tab\tand\nline')) = E'tab\tand\nline' AS same;
SELECT llm.tokenize(NULL) IS NULL, llm.detokenize(NULL) IS NULL, llm.count_tokens(NULL) IS NULL;

SELECT llm.detokenize('{97,NULL}');
SELECT llm.detokenize('{{97},{98}}');
SELECT llm.detokenize('{99999}');
SELECT llm.detokenize('{-1}');
SELECT llm.tokenize('x', 'nowhere');

SELECT * FROM llm.score('a prompt', 'three little words');
SELECT sum(logprob) FROM llm.score('a prompt', 'three little words', 'tiny', '{"raw": true}');
SELECT count(*) FROM llm.score('a prompt', '');
SELECT count(*) FROM llm.score(NULL, 'x');
SELECT count(*) FROM llm.score('x', NULL);
SELECT count(*) FROM llm.score('x', repeat('word ', 5000));
SELECT * FROM llm.score('[[fail=limit]]', 'x');
SELECT * FROM llm.score('x', 'y', options => '{"raw": "yes"}');
SELECT * FROM llm.score('x', 'y', options => '[]');

SELECT llm.drop_model('tiny');
DROP EXTENSION postgres_llm;
