/*
 * messages.c
 *	  Chat messages from jsonb; see messages.h.
 *
 * Which roles there are, and in which order they may come, is the business of the model's chat
 * template; here a message only has to be a message.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "sql/encoding.h"
#include "sql/messages.h"

#define SHAPE_HINT "Messages look like [{\"role\": \"user\", \"content\": \"Hello\"}]."

/* number counts from one, as people count messages. */
static _Noreturn void
refuse_message(int number, const char *reason)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("message %d %s", number, reason), errhint(SHAPE_HINT)));
}

/* One key of a message and its value. */
static void
read_field(int number, const JsonbValue *key, const JsonbValue *value, LlmChatTurn *turn)
{
	LlmStrView name = {key->val.string.val, key->val.string.len};
	LlmStrView *field;

	if (llm_strview_is(name, "role"))
		field = &turn->role;
	else if (llm_strview_is(name, "content"))
		field = &turn->content;
	else
		refuse_message(number, psprintf("has an unknown key \"%.*s\"", LLM_STRVIEW_ARG(name)));
	if (value->type != jbvString)
		refuse_message(number, psprintf("has a \"%.*s\" that is no string", LLM_STRVIEW_ARG(name)));
	*field = llm_encoding_to_utf8(value->val.string.val, value->val.string.len);
}

static LlmChatTurn
read_message(int number, const JsonbValue *message)
{
	LlmChatTurn turn = {{NULL, 0}, {NULL, 0}};
	JsonbIterator *iterator;
	JsonbValue key, value;

	if (message->type != jbvBinary || !JsonContainerIsObject(message->val.binary.data))
		refuse_message(number, "is no object");

	iterator = JsonbIteratorInit(message->val.binary.data);
	(void) JsonbIteratorNext(&iterator, &key, true);
	while (JsonbIteratorNext(&iterator, &key, true) == WJB_KEY)
	{
		(void) JsonbIteratorNext(&iterator, &value, true);
		read_field(number, &key, &value, &turn);
	}
	if (turn.role.len == 0)
		refuse_message(number, "has no \"role\"");
	if (turn.content.data == NULL)
		refuse_message(number, "has no \"content\"");
	return turn;
}

/* Memory for all turns, with the number of messages checked. */
static LlmChatTurn *
alloc_turns(Jsonb *array, bool has_system_prompt)
{
	int n_messages;
	int n_turns;

	if (!JB_ROOT_IS_ARRAY(array) || JB_ROOT_IS_SCALAR(array))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("messages must be a JSON array"), errhint(SHAPE_HINT)));
	n_messages = JB_ROOT_COUNT(array);
	n_turns = n_messages + (has_system_prompt ? 1 : 0);
	if (n_messages == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("messages must not be empty"), errhint(SHAPE_HINT)));
	if (n_turns > LLM_MAX_MESSAGES)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("a chat must have at most %d messages, not %d", LLM_MAX_MESSAGES,
							   n_turns)));
	return palloc(sizeof(LlmChatTurn) * n_turns);
}

LlmChatTurn *
llm_messages_to_turns(Datum messages, const LlmStrView *system_prompt, uint32_t *n_turns)
{
	Jsonb *array = DatumGetJsonbP(messages);
	LlmChatTurn *turns = alloc_turns(array, system_prompt != NULL);
	JsonbIterator *iterator;
	JsonbValue message;
	uint32_t n = 0;
	int number = 0;

	if (system_prompt != NULL)
		turns[n++] = (LlmChatTurn){llm_strview("system"), *system_prompt};

	iterator = JsonbIteratorInit(&array->root);
	(void) JsonbIteratorNext(&iterator, &message, true);
	while (JsonbIteratorNext(&iterator, &message, true) == WJB_ELEM)
	{
		number++;
		turns[n] = read_message(number, &message);
		if (number == 1 && system_prompt != NULL && llm_strview_is(turns[n].role, "system"))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("the system prompt is given twice"),
							errhint("Give it as an option or as the first message, not both.")));
		n++;
	}
	*n_turns = n;
	return turns;
}
