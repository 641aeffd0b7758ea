-- Who may do what: one GRANT USAGE ON FOREIGN SERVER is all that it takes to use a model.
CREATE EXTENSION postgres_llm;
\set SHOW_CONTEXT never
SELECT llm.create_model('tiny', 'tiny.gguf');
SELECT llm.create_model('missing', 'missing.gguf', '{"check": false}');
CREATE ROLE llm_test_user;
CREATE ROLE llm_test_owner;
CREATE ROLE llm_test_monitor IN ROLE pg_monitor;

-- A user without rights learns that there is a model, from the catalog, and nothing of its file.
SET ROLE llm_test_user;
SET postgres_llm.default_model = 'tiny';
SELECT llm.generate('x');
SELECT llm.generate('x', 'missing');
SELECT llm.generate_detail('x', 'missing', options => '{"on_error": "null"}');
SELECT llm.chat('[{"role": "user", "content": "x"}]', 'missing');
SELECT llm.stream('x', 'missing');
SELECT llm.tokenize('x', 'missing');
SELECT llm.count_tokens('x', 'missing');
SELECT llm.detokenize('{1}', 'missing');
SELECT llm.score('x', 'y', 'missing');
SELECT count(*) FROM llm.models;
SELECT count(*) FROM llm.model_status;
SELECT * FROM llm.engine_status;
SELECT llm.create_model('mine', 'tiny.gguf');
SELECT llm.alter_model('tiny', 'other.gguf');
SELECT llm.drop_model('tiny');
SELECT llm.load_model('tiny');
SELECT llm.unload_model('tiny');
SELECT llm.cache_reset();
SELECT llm.pin_prefix('p', 'q'), llm.unpin_prefix('p');
SELECT count(*) FROM llm.pinned_prefixes;
SELECT count(*) FROM llm.cache_status;
SELECT llm.restart_engine();
CREATE SERVER mine FOREIGN DATA WRAPPER postgres_llm OPTIONS (source 'tiny.gguf');
ALTER SERVER tiny OPTIONS (SET source 'other.gguf');
SET postgres_llm.max_tokens_limit = 1000000;
\set VERBOSITY sqlstate
SHOW postgres_llm.model_directory;
\set VERBOSITY default
RESET ROLE;

-- With USAGE.
GRANT USAGE ON FOREIGN SERVER tiny, missing TO llm_test_user;
SET ROLE llm_test_user;
SELECT llm.generate('x');
SELECT llm.count_tokens('x');
SELECT name FROM llm.models ORDER BY name;
SELECT model, path, last_error FROM llm.model_status ORDER BY model;
-- The path of a missing file is told as the catalog has it.
SELECT llm.generate('x', 'missing');
SELECT llm.alter_model('tiny', 'other.gguf');
RESET ROLE;
REVOKE USAGE ON FOREIGN SERVER tiny FROM llm_test_user;
SET ROLE llm_test_user;
SELECT llm.generate('x');
RESET ROLE;

-- The built-in model is for nobody by default, and can be for everybody.
SELECT has_server_privilege('llm_test_user', 'smollm2', 'USAGE');
GRANT USAGE ON FOREIGN SERVER smollm2 TO PUBLIC;
SELECT has_server_privilege('llm_test_user', 'smollm2', 'USAGE');
REVOKE USAGE ON FOREIGN SERVER smollm2 FROM PUBLIC;

-- Monitors see everything and may use nothing.
SET ROLE llm_test_monitor;
SELECT name FROM llm.models ORDER BY name;
SELECT model FROM llm.model_status WHERE model IS NOT NULL ORDER BY model;
SELECT path IS NOT NULL AS has_path FROM llm.model_status WHERE model = 'tiny';
SELECT state FROM llm.engine_status;
SELECT llm.generate('x', 'tiny');
SELECT llm.restart_engine();
RESET ROLE;

-- A role may be allowed to make models of its own, inside the model directory.
GRANT USAGE ON FOREIGN DATA WRAPPER postgres_llm TO llm_test_owner;
GRANT EXECUTE ON FUNCTION llm.create_model, llm.alter_model, llm.drop_model TO llm_test_owner;
SET ROLE llm_test_owner;
SELECT llm.create_model('mine', 'tiny.gguf');
SELECT llm.generate('mine', 'mine');
SELECT llm.create_model('outside', '/etc/passwd');
SELECT llm.create_model('outside', '/etc/passwd', '{"check": false}');
CREATE SERVER outside FOREIGN DATA WRAPPER postgres_llm OPTIONS (source '/etc/passwd');
ALTER SERVER mine OPTIONS (SET source '/etc/passwd');
SELECT llm.create_model('inside', 'missing.gguf');
SELECT llm.alter_model('tiny', 'other.gguf');
SELECT llm.drop_model('tiny');
GRANT USAGE ON FOREIGN SERVER mine TO llm_test_user;
RESET ROLE;
SET ROLE llm_test_user;
SELECT llm.generate('theirs', 'mine');
RESET ROLE;

-- An absolute path counts as long as the owner has the right to it.
GRANT pg_read_server_files TO llm_test_owner;
SELECT format('ALTER SERVER mine OPTIONS (SET source %L)',
			  current_setting('postgres_llm.model_directory') || '/tiny.gguf') AS statement \gset
SET ROLE llm_test_owner;
:statement;
SELECT llm.generate('mine', 'mine');
RESET ROLE;
REVOKE pg_read_server_files FROM llm_test_owner;
SET ROLE llm_test_owner;
SELECT llm.generate('mine', 'mine');
RESET ROLE;
SET ROLE llm_test_user;
SELECT llm.generate('mine', 'mine');
RESET ROLE;

-- SECURITY DEFINER lends a model without granting it.
CREATE FUNCTION lent(prompt text) RETURNS text LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT llm.generate(prompt, 'tiny') $$;
SET ROLE llm_test_user;
SELECT lent('lent');
RESET ROLE;
DROP FUNCTION lent;

-- The role cannot go while it owns a model or has rights on one.
DROP ROLE llm_test_owner;
DROP OWNED BY llm_test_user, llm_test_owner, llm_test_monitor;
DROP ROLE llm_test_user, llm_test_owner, llm_test_monitor;
SELECT name FROM llm.models ORDER BY name;
SELECT llm.drop_model('tiny'), llm.drop_model('missing');
DROP EXTENSION postgres_llm;
