/*
 * console.c
 *	  One request without a server; see console.h.
 *
 * The same service answers the same messages as in the server; only the socket is missing: frames
 * are taken out of the outbox and printed.
 */
#include "engine/console.h"

#include "engine/launch.h"
#include "engine/outbox.h"
#include "engine/service.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define REQUEST_ID 1

static int
complain(const LlmError *error)
{
	fprintf(stderr, "postgres_llm_engine: %s\n", error->message);
	if (error->hint[0] != '\0')
		fprintf(stderr, "hint: %s\n", error->hint);
	return 1;
}

/* ---- the request ---- */

static LlmStatus
submit(LlmService *service, const LlmRequest *request, LlmError *err)
{
	LlmWriter w = llm_writer(NULL, 0);
	LlmStatus status;
	char *payload;

	llm_request_write(&w, request);
	payload = malloc(w.len);
	if (payload == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for a request");
	w = llm_writer(payload, w.len);
	llm_request_write(&w, request);
	status = service->ops->submit(service, REQUEST_ID, (LlmStrView){payload, w.len}, false, err);
	free(payload);
	return status;
}

static LlmStatus
submit_arguments(LlmService *service, const LlmArguments *arguments, LlmError *err)
{
	LlmChatTurn turns[2];
	LlmRequest request = {.kind = LLM_REQUEST_INSPECT, .model = arguments->model};
	uint32_t n_turns = 0;

	if (arguments->command == LLM_COMMAND_INSPECT)
		return submit(service, &request, err);
	if (arguments->system != NULL && !arguments->generate.raw)
		turns[n_turns++] = (LlmChatTurn){llm_strview("system"), llm_strview(arguments->system)};
	turns[n_turns++] = (LlmChatTurn){llm_strview("user"), llm_strview(arguments->prompt)};
	request.kind = LLM_REQUEST_GENERATE;
	request.generate = arguments->generate;
	request.generate.stream = true;
	request.generate.turns = turns;
	request.generate.n_turns = n_turns;
	return submit(service, &request, err);
}

/* ---- the answer ---- */

static void
print_stats(const LlmGenerateResult *result)
{
	double decode_s = (double) (result->total_us - result->first_token_us) / 1e6;
	double n_decoded = result->completion_tokens > 1 ? result->completion_tokens - 1 : 0;

	fprintf(stderr,
			"prompt %u tokens, completion %u tokens (%s), %u of %u drafted ones accepted, first "
			"token after %.0f ms, total %.0f ms",
			result->prompt_tokens, result->completion_tokens,
			llm_finish_reason_name(result->finish_reason), result->accepted_tokens,
			result->drafted_tokens, (double) result->first_token_us / 1e3,
			(double) result->total_us / 1e3);
	if (decode_s > 0)
		fprintf(stderr, ", %.1f tokens/s", n_decoded / decode_s);
	fprintf(stderr, "\n");
}

static void
print_facts(const LlmModelFacts *facts)
{
	printf("architecture    %.*s\n", LLM_STRVIEW_ARG(facts->architecture));
	printf("quantization    %.*s\n", LLM_STRVIEW_ARG(facts->quantization));
	printf("parameters      %llu\n", (unsigned long long) facts->n_parameters);
	printf("file            %llu bytes\n", (unsigned long long) facts->file_bytes);
	printf("context         %u tokens\n", facts->context_length);
	printf("vocabulary      %u tokens\n", facts->vocabulary_size);
	printf("chat template   %s\n", facts->chat ? "yes" : "no");
}

/* The RESULT frame; the exit status. */
static int
print_result(const LlmArguments *arguments, LlmStrView payload)
{
	LlmGenerateResult result;
	LlmModelFacts facts;
	LlmError error;

	if (arguments->command == LLM_COMMAND_INSPECT)
	{
		if (llm_model_facts_read(payload, &facts, &error) != LLM_OK)
			return complain(&error);
		print_facts(&facts);
		return 0;
	}
	if (llm_generate_result_read(payload, &result, &error) != LLM_OK)
		return complain(&error);
	printf("\n");
	fflush(stdout);
	if (arguments->stats)
		print_stats(&result);
	return 0;
}

/* Print what is in the outbox.  True when the request is over, with *exit_code. */
static bool
print_frames(const LlmArguments *arguments, LlmOutbox *outbox, int *exit_code)
{
	bool over = false;

	for (;;)
	{
		LlmStrView pending = llm_outbox_pending(outbox);
		LlmError error, why;
		LlmFrame frame;
		size_t used;

		if (llm_frame_parse(pending.data, pending.len, &frame, &used, &error) != LLM_OK)
		{
			*exit_code = complain(&error);
			return true;
		}
		if (used == 0)
			return over;
		if (frame.type == LLM_FRAME_CHUNK)
		{
			fwrite(frame.payload.data, 1, frame.payload.len, stdout);
			fflush(stdout);
		}
		else if (frame.type == LLM_FRAME_RESULT)
		{
			over = true;
			*exit_code = print_result(arguments, frame.payload);
		}
		else if (frame.type == LLM_FRAME_ERROR)
		{
			over = true;
			*exit_code =
				complain(llm_error_read(frame.payload, &why, &error) == LLM_OK ? &why : &error);
		}
		llm_outbox_sent(outbox, used);
	}
}

/* ---- the loop ---- */

static int
run(LlmService *service, const LlmArguments *arguments, const LlmWake *wake,
	volatile sig_atomic_t *stop)
{
	LlmError error;
	int exit_code = 1;

	if (submit_arguments(service, arguments, &error) != LLM_OK)
		return complain(&error);
	while (*stop == 0)
	{
		struct pollfd fd = {.fd = wake->fd, .events = POLLIN};
		int64_t wait_us = service->ops->run(service);

		if (print_frames(arguments, service->outbox, &exit_code))
			return exit_code;
		if (wait_us == 0)
			continue;
		(void) poll(&fd, 1, wait_us < 0 ? -1 : (int) (wait_us / 1000) + 1);
		llm_wake_drain(wake);
	}
	return 130;
}

int
llm_console_run(const LlmArguments *arguments, const LlmWake *wake, volatile sig_atomic_t *stop)
{
	LlmOutbox outbox;
	LlmService *service;
	LlmError error;
	int exit_code;

	llm_outbox_init(&outbox);
	if (llm_launch_service(&arguments->config, &outbox, wake, &service, &error) != LLM_OK)
		return complain(&error);
	exit_code = run(service, arguments, wake, stop);
	service->ops->destroy(service);
	llm_outbox_free(&outbox);
	return exit_code;
}
