-- Options of a generation: both ways to give them, their ranges, and what is refused.
-- On the fake engine, whose [[show]] tells every field of the request that it received.
CREATE EXTENSION postgres_llm;
SELECT llm.create_model('tiny', 'tiny.gguf');
SET postgres_llm.default_model = 'tiny';
\pset format unaligned
\pset tuples_only on

-- SQLSTATE, message and hint of a statement that fails.
CREATE FUNCTION failure(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RETURN SQLSTATE || ' ' || message || CASE WHEN hint <> '' THEN '; ' || hint ELSE '' END;
END $$;
CREATE FUNCTION option_failure(options text) RETURNS text LANGUAGE sql AS $$
SELECT failure(format('SELECT llm.generate(''x'', options => %L)', options))
$$;

-- Defaults: greedy, nothing cut, nothing penalised.
SELECT llm.generate('[[show]]');

-- All arguments.
SELECT llm.generate('[[show]]', 'tiny', 'Be brief.', 7, 0.5, 0.9, 40, 0.05, -1, ARRAY['###', 'END']);

-- All option keys.
SELECT llm.generate('[[show]]', options => '{"system_prompt": "Be brief.", "max_tokens": 7,
	"temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.05, "seed": 9223372036854775807,
	"stop": ["###", "END"], "repetition_penalty": 1.25, "presence_penalty": -0.5,
	"frequency_penalty": 2, "ignore_eos": true, "on_error": "error"}');
SELECT llm.generate('[[show]]', options => '{"raw": true, "stop": "one"}');

-- A JSON null and a NULL argument mean that it is not given.
SELECT llm.generate('[[show]]', max_tokens => NULL, options => '{"max_tokens": null, "stop": null}')
	= llm.generate('[[show]]') AS same;
SELECT llm.generate('[[show]]', options => '{}') = llm.generate('[[show]]', options => NULL) AS same;

-- max_tokens: default and ceiling are settings.
SET postgres_llm.max_tokens = 3;
SELECT llm.generate('[[show]]') ~ ' max_tokens=3 ' AS default_applies;
SET postgres_llm.max_tokens_limit = 2;
SELECT llm.generate('[[show]]') ~ ' max_tokens=2 ' AS default_is_capped;
SELECT failure($$SELECT llm.generate('x', max_tokens => 3)$$);
SELECT option_failure('{"max_tokens": 3}');
RESET postgres_llm.max_tokens;
RESET postgres_llm.max_tokens_limit;

-- A seed is drawn for each call that samples and names none.
SELECT llm.generate('[[show]]', temperature => 1) <> llm.generate('[[show]]', temperature => 1)
	AS seeds_differ;
SELECT llm.generate('[[show]]', temperature => 1, seed => 7)
	= llm.generate('[[show]]', temperature => 1, seed => 7) AS seeds_are_equal;

-- Ranges, by argument.
SELECT failure($$SELECT llm.generate('x', max_tokens => 0)$$);
SELECT failure($$SELECT llm.generate('x', temperature => -0.1)$$);
SELECT failure($$SELECT llm.generate('x', temperature => 10.5)$$);
SELECT failure($$SELECT llm.generate('x', temperature => 'NaN')$$);
SELECT failure($$SELECT llm.generate('x', temperature => 'Infinity')$$);
SELECT failure($$SELECT llm.generate('x', top_p => 0)$$);
SELECT failure($$SELECT llm.generate('x', top_p => 1.5)$$);
SELECT failure($$SELECT llm.generate('x', top_k => -1)$$);
SELECT failure($$SELECT llm.generate('x', min_p => 1.01)$$);
SELECT failure($$SELECT llm.generate('x', stop => ARRAY['a', NULL])$$);
SELECT failure($$SELECT llm.generate('x', stop => ARRAY[''])$$);
SELECT failure($$SELECT llm.generate('x', stop => ARRAY[repeat('a', 257)])$$);
SELECT failure($$SELECT llm.generate('x', stop => array_fill('a'::text, ARRAY[17]))$$);

-- Ranges and types, by key.
SELECT option_failure('{"temperature": -1}');
SELECT option_failure('{"temperature": "hot"}');
SELECT option_failure('{"temperature": 1e400}');
SELECT option_failure('{"top_p": 0}');
SELECT option_failure('{"top_k": 1.5}');
SELECT option_failure('{"top_k": 2147483648}');
SELECT option_failure('{"seed": 9223372036854775808}');
SELECT option_failure('{"seed": 1.5}');
SELECT option_failure('{"repetition_penalty": 0}');
SELECT option_failure('{"presence_penalty": 2.5}');
SELECT option_failure('{"frequency_penalty": -3}');
SELECT option_failure('{"raw": 1}');
SELECT option_failure('{"ignore_eos": "yes"}');
SELECT option_failure('{"on_error": "ignore"}');
SELECT option_failure('{"on_error": true}');
SELECT option_failure('{"system_prompt": 5}');
SELECT option_failure('{"stop": 5}');
SELECT option_failure('{"stop": ["a", 5]}');
SELECT option_failure('{"stop": [["a"]]}');
SELECT option_failure('{"stop": {"a": 1}}');
SELECT llm.generate('[[show]]', options => '{"top_k": 2e1}') ~ ' top_k=20 ' AS integral;

-- Unknown keys, and options that are no object.
SELECT option_failure('{"temprature": 1}');
SELECT option_failure('{"": 1}');
SELECT option_failure('[]');
SELECT option_failure('"temperature"');
SELECT option_failure('null');
SELECT failure($$SELECT llm.chat('[{"role": "user", "content": "x"}]', options => '{"raw": true}')$$);
SELECT failure($$SELECT llm.stream('x', options => '{"on_error": "null"}')$$);
SELECT failure($$SELECT llm.score('x', 'y', options => '{"temperature": 0}')$$);

-- Given twice, or given together with what excludes it.
SELECT failure($$SELECT llm.generate('x', top_k => 5, options => '{"top_k": 5}')$$);
SELECT failure($$SELECT llm.generate('x', stop => '{a}', options => '{"stop": "a"}')$$);
SELECT failure($$SELECT llm.generate('x', system_prompt => 'y', options => '{"raw": true}')$$);

-- No model is named.
SET postgres_llm.default_model = '';
SELECT failure($$SELECT llm.generate('x')$$);
SET postgres_llm.default_model = 'nowhere';
SELECT failure($$SELECT llm.generate('x')$$);
SELECT llm.generate('x', model => 'tiny');

DROP FUNCTION option_failure, failure;
SELECT llm.drop_model('tiny');
DROP EXTENSION postgres_llm;
