SELECT llm.generate('Give a name for a small blue boat.', max_tokens => 24) AS answer;
