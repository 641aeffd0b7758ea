\x on
SELECT * FROM llm.engine_status;
SELECT * FROM llm.model_status;
SELECT * FROM llm.models;
