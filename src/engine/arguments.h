/*
 * arguments.h
 *	  The command line of postgres_llm_engine.
 */
#ifndef LLM_ENGINE_ARGUMENTS_H
#define LLM_ENGINE_ARGUMENTS_H

#include "protocol/message.h"

/* What the program shall do. */
typedef enum LlmCommand
{
	LLM_COMMAND_SERVE,	 /* frames on fd */
	LLM_COMMAND_PROMPT,	 /* answer one prompt on standard output */
	LLM_COMMAND_INSPECT, /* print a model's facts */
	LLM_COMMAND_HELP,
	LLM_COMMAND_VERSION
} LlmCommand;

/* Strings are borrowed from argv. */
typedef struct LlmArguments
{
	LlmCommand command;
	int fd;
	LlmModelRef model;
	const char *prompt;
	const char *system;			 /* NULL: none */
	bool stats;					 /* tokens and times on standard error */
	LlmGenerateRequest generate; /* without turns */
	LlmStrView stops[LLM_MAX_STOPS];
	LlmEngineConfig config;
} LlmArguments;

/* LLM_ERR_INVALID_ARGUMENT with a message that names the argument. */
extern LlmStatus llm_arguments_parse(int argc, char **argv, LlmArguments *out, LlmError *err);

/* What --help prints. */
extern const char llm_arguments_help[];

#endif /* LLM_ENGINE_ARGUMENTS_H */
