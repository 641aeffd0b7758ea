-- Models: functions and plain DDL for foreign servers, rules for sources, load and unload.
CREATE EXTENSION postgres_llm;
\set SHOW_CONTEXT never
SELECT name, source, context_length, weights, kv_cache_type, is_default, is_builtin FROM llm.models;

-- Create.
SELECT llm.create_model('tiny', 'tiny.gguf');
SELECT llm.create_model('Other "model"', './tiny.gguf',
						'{"context_length": 64, "weights": "f32", "kv_cache_type": "f32"}');
SELECT name, source, context_length, weights, kv_cache_type, is_default, is_builtin
FROM llm.models ORDER BY name COLLATE "C";
SET postgres_llm.default_model = 'tiny';
SELECT name FROM llm.models WHERE is_default;
SELECT substring(llm.generate('[[show]]', 'Other "model"') from 'model=.*kv_type=\d');
SELECT llm.create_model('tiny', 'tiny.gguf');
SELECT llm.create_model('smollm2', 'tiny.gguf');
SELECT llm.create_model(NULL, 'tiny.gguf');
SELECT llm.create_model('x', NULL);
SELECT llm.create_model('', 'tiny.gguf');
SELECT llm.create_model(repeat('x', 64), 'tiny.gguf');

-- Options.
SELECT llm.create_model('x', 'tiny.gguf', '{"contextlength": 64}');
SELECT llm.create_model('x', 'tiny.gguf', '{"context_length": 0}');
SELECT llm.create_model('x', 'tiny.gguf', '{"context_length": "many"}');
SELECT llm.create_model('x', 'tiny.gguf', '{"context_length": 1.5}');
SELECT llm.create_model('x', 'tiny.gguf', '{"context_length": 99999999999999999999}');
SELECT llm.create_model('x', 'tiny.gguf', '{"context_length": [1]}');
SELECT llm.create_model('x', 'tiny.gguf', '{"weights": "f16"}');
SELECT llm.create_model('x', 'tiny.gguf', '{"kv_cache_type": "q8"}');
SELECT llm.create_model('x', 'tiny.gguf', '{"check": "no"}');
SELECT llm.create_model('x', 'tiny.gguf', '[]');

-- Sources.
SELECT llm.create_model('x', '');
SELECT llm.create_model('x', '../tiny.gguf');
SELECT llm.create_model('x', 'a/../../tiny.gguf');
SELECT llm.create_model('x', 'a/..');
SELECT llm.create_model('x', E'a\nb.gguf');
SELECT llm.create_model('x', repeat('x', 1024), '{"check": false}');
SELECT llm.create_model('dots', '..tiny..gguf', '{"check": false}');
SELECT llm.create_model('absolute', current_setting('postgres_llm.model_directory') || '/tiny.gguf');
SELECT llm.generate('absolute', 'absolute');

-- The file is looked at before a model is there, unless that is not wanted.
DO $$
BEGIN
	PERFORM llm.create_model('x', 'missing.gguf');
EXCEPTION WHEN undefined_file THEN
	RAISE NOTICE '%', replace(SQLERRM, current_setting('postgres_llm.model_directory'), 'MODELS');
END $$;
SELECT llm.create_model('directory', '.', '{"check": false}');
DO $$
BEGIN
	PERFORM llm.generate('x', 'directory');
EXCEPTION WHEN wrong_object_type THEN
	RAISE NOTICE '%', replace(SQLERRM, current_setting('postgres_llm.model_directory'), 'MODELS');
END $$;
SELECT llm.create_model('missing', 'missing.gguf', '{"check": false}');
SELECT name FROM llm.models WHERE source ~ 'missing';

-- Alter.
SELECT llm.alter_model('missing', 'tiny.gguf');
SELECT llm.alter_model('missing', options => '{"context_length": 128, "weights": "f32"}');
SELECT source, context_length, weights FROM llm.models WHERE name = 'missing';
SELECT llm.alter_model('missing', options => '{"context_length": null, "kv_cache_type": null,
	"weights": "native"}');
SELECT source, context_length, weights FROM llm.models WHERE name = 'missing';
SELECT llm.alter_model('missing');
SELECT llm.alter_model('missing', 'gone/tiny.gguf', '{"check": false}');
SELECT source FROM llm.models WHERE name = 'missing';
SELECT llm.alter_model('missing', '../tiny.gguf');
SELECT llm.alter_model('missing', options => '{"weight": "f32"}');
SELECT llm.alter_model('nowhere', 'tiny.gguf');
SELECT llm.alter_model('smollm2', 'tiny.gguf');

-- A change that the check refuses is no change.
DO $$
BEGIN
	PERFORM llm.alter_model('tiny', 'missing.gguf');
EXCEPTION WHEN undefined_file THEN
	RAISE NOTICE 'refused';
END $$;
SELECT source FROM llm.models WHERE name = 'tiny';

-- The same by hand.
CREATE SERVER byhand FOREIGN DATA WRAPPER postgres_llm OPTIONS (source 'tiny.gguf');
SELECT llm.generate('by hand', 'byhand');
ALTER SERVER byhand RENAME TO renamed;
ALTER SERVER renamed OPTIONS (ADD context_length '32');
SELECT substring(llm.generate('[[show]]', 'renamed') from 'model=.* context_length=\d+');
ALTER SERVER renamed OPTIONS (ADD speed 'high');
ALTER SERVER renamed OPTIONS (SET context_length '-5');
ALTER SERVER renamed OPTIONS (DROP source);
CREATE SERVER broken FOREIGN DATA WRAPPER postgres_llm;
ALTER FOREIGN DATA WRAPPER postgres_llm OPTIONS (ADD x '1');
CREATE USER MAPPING FOR PUBLIC SERVER renamed;
CREATE FOREIGN TABLE ft (a int) SERVER renamed;
COMMENT ON SERVER renamed IS 'a comment';
SELECT description FROM llm.models WHERE name = 'renamed';
DROP SERVER smollm2;

-- A server of another wrapper is no model.
CREATE FOREIGN DATA WRAPPER other;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER other;
SELECT llm.generate('x', 'elsewhere');
SELECT llm.drop_model('elsewhere');
DROP FOREIGN DATA WRAPPER other CASCADE;

-- Load and unload.
SELECT state FROM llm.model_status WHERE model = 'tiny';
SELECT architecture, quantization, parameters, file_bytes >= 0 AS has_file, loaded_bytes,
	   context_length, vocabulary_size, chat
FROM llm.load_model('renamed');
SELECT state, loaded_bytes, context_length FROM llm.model_status WHERE model = 'renamed';
SELECT bytes, blocks, block_tokens, asked_tokens, cached_tokens, hit_rate, evictions
FROM llm.cache_status WHERE model = 'renamed';
SELECT llm.cache_reset('renamed'), llm.cache_reset();
SELECT llm.unload_model('renamed');
SELECT llm.unload_model('renamed');
SELECT llm.cache_reset('renamed'), llm.cache_reset('nowhere');

-- Pinned prefixes; the fake engine keeps none.
SELECT llm.pin_prefix('greeting', 'hello', 'renamed', options => '{"raw": true}');
SELECT * FROM llm.pinned_prefixes;
SELECT llm.unpin_prefix('greeting', 'renamed');
SELECT llm.pin_prefix(NULL, 'hello', 'renamed');
SELECT llm.pin_prefix('', 'hello', 'renamed');
SELECT llm.pin_prefix(repeat('n', 64), 'hello', 'renamed');
SELECT llm.pin_prefix('greeting', NULL, 'renamed');
SELECT llm.pin_prefix('greeting', 'hello', 'renamed', options => '{"on_error": "null"}');
SELECT llm.pin_prefix('greeting', 'hello', 'nowhere');
SELECT state, loaded_bytes, context_length FROM llm.model_status WHERE model = 'renamed';
SELECT llm.load_model('nowhere');
SELECT llm.load_model(NULL);
SELECT llm.unload_model(NULL);

-- A model that drafts for another one is looked up when that is used.
SELECT llm.create_model('guesser', 'tiny.gguf');
SELECT llm.create_model('guessed', 'tiny.gguf', '{"draft_model": "guesser"}');
SELECT name, draft_model FROM llm.models WHERE name ~ '^guess' ORDER BY name;
SELECT substring(llm.generate('[[show]]', 'guessed') from 'kv_type=\d draft_path=/') IS NOT NULL AS has_draft,
	   substring(llm.generate('[[show]]', 'guessed') from 'draft_path=\S+/([^/ ]+) ') AS file;
SELECT substring(llm.generate('[[show]]', 'guesser') from 'draft_path') AS draft;
SELECT model, state FROM llm.model_status WHERE model ~ '^guess' ORDER BY model;
SELECT llm.create_model('x', 'tiny.gguf', '{"draft_model": "nowhere"}');
SELECT llm.create_model('x', 'tiny.gguf', '{"draft_model": ""}');
SELECT llm.create_model('x', 'tiny.gguf', jsonb_build_object('draft_model', repeat('x', 64)));
SELECT llm.create_model('x', 'tiny.gguf', '{"draft_model": true}');
-- The engine forgets what another draft model had made of it.
SELECT llm.alter_model('guesser', 'gone.gguf', '{"check": false}');
SELECT model, state FROM llm.model_status WHERE model ~ '^guess' ORDER BY model;
SELECT count(*) FROM llm.model_status WHERE model IS NULL;
DO $$
BEGIN
	PERFORM llm.generate('x', 'guessed');
EXCEPTION WHEN undefined_file THEN
	RAISE NOTICE '%', replace(SQLERRM, current_setting('postgres_llm.model_directory'), 'MODELS');
END $$;
SELECT llm.alter_model('guesser', 'tiny.gguf');
SELECT FROM llm.load_model('guessed');
ALTER SERVER guesser RENAME TO guesser2;
SELECT llm.generate('x', 'guessed');
ALTER SERVER guesser2 RENAME TO guesser;
SELECT llm.generate('x', 'guessed');
-- Its own draft_model counts for nothing: there are no chains, and a model may name itself.
SELECT llm.alter_model('guesser', options => '{"draft_model": "nowhere", "check": false}');
SELECT llm.generate('x', 'guesser');
SELECT llm.generate('x', 'guessed');
SELECT llm.alter_model('guesser', options => '{"draft_model": "guesser"}');
SELECT llm.generate('x', 'guesser');
SELECT llm.drop_model('guesser');
SELECT count(*) FROM llm.model_status WHERE model IS NULL;
SELECT llm.generate('x', 'guessed');
SELECT llm.unload_model('guessed');
\set VERBOSITY sqlstate
SELECT llm.generate('x', 'guessed');
\set VERBOSITY default
CREATE FOREIGN DATA WRAPPER other;
CREATE SERVER guesser FOREIGN DATA WRAPPER other;
SELECT llm.generate('x', 'guessed');
DROP FOREIGN DATA WRAPPER other CASCADE;
SELECT llm.alter_model('guessed', options => '{"draft_model": null}');
SELECT llm.generate('x', 'guessed');
SELECT llm.drop_model('guessed');

-- Drop: the engine forgets the model, unless another one is the same.
SELECT llm.create_model('twin', './/tiny.gguf');
SELECT FROM llm.load_model('twin');
SELECT model, state FROM llm.model_status WHERE model IN ('tiny', 'twin') ORDER BY model;
SELECT llm.drop_model('twin');
SELECT model, state FROM llm.model_status WHERE model IN ('tiny', 'twin') ORDER BY model;
SELECT llm.drop_model('absolute');
SELECT llm.drop_model('tiny');
SELECT llm.drop_model('tiny');
SELECT llm.drop_model('smollm2');
SELECT llm.drop_model(NULL);
SELECT count(*) FROM llm.model_status WHERE model IS NULL AND state = 'loaded' AND context_length = 4096;

-- A rolled back change is none.
BEGIN;
SELECT llm.drop_model('renamed');
SELECT llm.create_model('tiny', 'tiny.gguf');
ROLLBACK;
SELECT name FROM llm.models WHERE name IN ('renamed', 'tiny');
BEGIN READ ONLY;
SELECT llm.create_model('tiny', 'tiny.gguf');
ROLLBACK;

-- Event triggers see what the functions do.
CREATE FUNCTION tell() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE 'event: %', tg_tag;
END $$;
CREATE EVENT TRIGGER tell ON ddl_command_end EXECUTE FUNCTION tell();
SELECT llm.create_model('tiny', 'tiny.gguf');
SELECT llm.drop_model('tiny');
DROP EVENT TRIGGER tell;
DROP FUNCTION tell();

-- The extension does not go while models of others are there.
DROP EXTENSION postgres_llm;
SELECT llm.drop_model(name) FROM llm.models WHERE NOT is_builtin ORDER BY name COLLATE "C";
DROP EXTENSION postgres_llm;
SELECT count(*) FROM pg_namespace WHERE nspname = 'llm';

-- A schema that somebody prepared is refused.
CREATE SCHEMA llm;
CREATE EXTENSION postgres_llm;
DROP SCHEMA llm;
CREATE EXTENSION postgres_llm;
DROP EXTENSION postgres_llm;
