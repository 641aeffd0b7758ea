CREATE TABLE ticket (id int PRIMARY KEY, body text, wish text);
INSERT INTO ticket (id, body) VALUES
	(1, 'My new card still has not arrived after two weeks. Where is it?'),
	(2, 'I was charged twice for the same train ticket, please give me one of them back.'),
	(3, 'How do I change my PIN if I am abroad?'),
	(4, 'Somebody used my card in a shop that I have never been to!');
SELECT id, llm.generate(body, system_prompt => 'Answer the customer politely in one sentence.',
                        max_tokens => 40) AS reply
  FROM ticket ORDER BY id;
UPDATE ticket SET wish = llm.generate('What does this customer want? Answer in a few words. ' || body,
                                      max_tokens => 16);
SELECT id, wish FROM ticket ORDER BY id;
