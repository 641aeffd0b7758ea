CREATE TABLE thing (name text PRIMARY KEY, use text);
INSERT INTO thing (name) VALUES ('a compass'), ('the moon'), ('a volcano'), ('a library');
SELECT name, llm.generate('Explain what ' || name || ' is in one sentence.') AS meaning
  FROM thing ORDER BY name;
UPDATE thing SET use = llm.generate('Name one use of ' || name || '.', max_tokens => 16, stop => '{.}');
SELECT name, use FROM thing ORDER BY name;
