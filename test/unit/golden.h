/*
 * golden.h
 *	  Reads the lines that test/tools/golden.py writes.
 */
#ifndef LLM_TEST_GOLDEN_H
#define LLM_TEST_GOLDEN_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN_MAX_FIELDS 8

/* Numbers of one field. */
typedef struct GoldenField
{
	char name[32];
	double *values;
	int32_t *ints; /* the same, rounded: token ids */
	int n;
} GoldenField;

typedef struct GoldenRecord
{
	char name[64];
	GoldenField fields[GOLDEN_MAX_FIELDS];
	int n_fields;
} GoldenRecord;

/* The field; the program ends when it is missing, for then the test itself is wrong. */
static inline const GoldenField *
golden_field(const GoldenRecord *record, const char *name)
{
	for (int i = 0; i < record->n_fields; i++)
	{
		if (strcmp(record->fields[i].name, name) == 0)
			return &record->fields[i];
	}
	fprintf(stderr, "golden record %s has no field %s\n", record->name, name);
	exit(2);
}

static inline void
golden_read_field(GoldenField *field, const char *line)
{
	int at;

	if (sscanf(line, "%31s %d%n", field->name, &field->n, &at) != 2)
		exit(2);
	field->values = malloc((size_t) field->n * sizeof(double));
	field->ints = malloc((size_t) field->n * sizeof(int32_t));
	for (int i = 0; i < field->n; i++)
	{
		char *end;

		field->values[i] = strtod(line + at, &end);
		field->ints[i] = (int32_t) field->values[i];
		at = (int) (end - line);
	}
}

/*
 * Read the next record in place of the last one, whose numbers are freed; 0 at the end of the file.
 * The first time *record is zeroed.
 */
static inline int
golden_next(FILE *file, GoldenRecord *record)
{
	static char *line; /* one line of look-ahead: the next record's first */
	static size_t cap;
	static int pending;

	for (int i = 0; i < record->n_fields; i++)
	{
		free(record->fields[i].values);
		free(record->fields[i].ints);
	}
	record->n_fields = 0;
	if (!pending && getline(&line, &cap, file) < 0)
		return 0;
	pending = 0;
	if (sscanf(line, "record %63s", record->name) != 1)
		exit(2);
	while (getline(&line, &cap, file) >= 0)
	{
		if (strncmp(line, "record ", 7) == 0)
		{
			pending = 1;
			break;
		}
		if (record->n_fields == GOLDEN_MAX_FIELDS)
			exit(2);
		golden_read_field(&record->fields[record->n_fields++], line);
	}
	return 1;
}

#endif /* LLM_TEST_GOLDEN_H */
