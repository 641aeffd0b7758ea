CREATE EXTENSION postgres_llm;
SELECT llm.generate('What is the capital of France?');
