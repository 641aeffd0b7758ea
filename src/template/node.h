/*
 * node.h
 *	  The tree that a template is compiled to.
 *
 * Nodes and what they point to are owned by the arena of the compiled template and never change
 * once it is compiled, so many threads may render it.  A node knows the height of the tree below
 * it; the height is limited when the tree is built, which bounds every recursion over it.
 */
#ifndef LLM_TEMPLATE_NODE_H
#define LLM_TEMPLATE_NODE_H

#include "template/builtin.h"

#define LLM_NODE_MAX_HEIGHT 200

typedef enum LlmNodeKind
{
	/* expressions */
	LLM_NODE_LITERAL,
	LLM_NODE_NAME,
	LLM_NODE_LIST,
	LLM_NODE_TUPLE,
	LLM_NODE_DICT,		/* items: key, value, key, value ... */
	LLM_NODE_ATTRIBUTE, /* object.name */
	LLM_NODE_ITEM,		/* object[key] */
	LLM_NODE_SLICE,		/* object[start:stop:step] */
	LLM_NODE_UNARY,		/* operation.right only */
	LLM_NODE_BINARY,
	LLM_NODE_COMPARE, /* a chain a < b < c: first, then LLM_NODE_LINK per comparison */
	LLM_NODE_LINK,	  /* operation.right only */
	LLM_NODE_CHOICE,  /* yes if condition else no */
	LLM_NODE_FILTER,
	LLM_NODE_TEST,
	LLM_NODE_METHOD,
	LLM_NODE_FUNCTION,	/* a built-in function by its name */
	LLM_NODE_INVOKE,	/* a macro by its name */
	LLM_NODE_ARGUMENT,	/* of a macro call: named.value, and named.name when by keyword */
	LLM_NODE_PARAMETER, /* of a macro: named.name, and named.value when it has a default */

	/* statements */
	LLM_NODE_TEXT,
	LLM_NODE_PRINT,
	LLM_NODE_IF,
	LLM_NODE_BRANCH, /* of an if: condition (NULL for else) and body */
	LLM_NODE_FOR,
	LLM_NODE_SET,
	LLM_NODE_CAPTURE, /* {% set x %} ... {% endset %} */
	LLM_NODE_MACRO,
	LLM_NODE_BLOCK, /* {% generation %}: a scope of its own */
	LLM_NODE_BREAK,
	LLM_NODE_CONTINUE
} LlmNodeKind;

typedef enum LlmOperator
{
	LLM_OPERATOR_NONE,
	LLM_OPERATOR_OR,
	LLM_OPERATOR_AND,
	LLM_OPERATOR_NOT,
	LLM_OPERATOR_EQ,
	LLM_OPERATOR_NE,
	LLM_OPERATOR_LT,
	LLM_OPERATOR_LE,
	LLM_OPERATOR_GT,
	LLM_OPERATOR_GE,
	LLM_OPERATOR_IN,
	LLM_OPERATOR_NOT_IN,
	LLM_OPERATOR_ADD,
	LLM_OPERATOR_SUB,
	LLM_OPERATOR_CONCAT,
	LLM_OPERATOR_MUL,
	LLM_OPERATOR_FLOORDIV,
	LLM_OPERATOR_MOD,
	LLM_OPERATOR_NEGATE,
	LLM_OPERATOR_PLUS
} LlmOperator;

typedef struct LlmNode LlmNode;

/* Children in order, linked by next. */
typedef struct LlmNodeList
{
	LlmNode *first;
	LlmNode *last;
	uint32_t n;
} LlmNodeList;

struct LlmNode
{
	LlmNodeKind kind;
	uint32_t line;
	uint32_t height; /* 1 for a leaf */
	LlmNode *next;	 /* in the list that holds this node */
	union
	{
		LlmValue literal;
		LlmStrView name;
		LlmNodeList items; /* list, tuple, dict */
		LlmText text;
		LlmNode *printed;
		LlmNodeList branches;
		LlmNodeList block;
		struct
		{
			LlmNode *object;
			LlmStrView name;
		} attribute;
		struct
		{
			LlmNode *object;
			LlmNode *key;
		} item;
		struct
		{
			LlmNode *object;
			LlmNode *start; /* these three: NULL when not given */
			LlmNode *stop;
			LlmNode *step;
		} slice;
		struct
		{
			LlmOperator op;
			LlmNode *left;
			LlmNode *right;
		} operation;
		struct
		{
			LlmNode *first;
			LlmNodeList links;
		} compare;
		struct
		{
			LlmNode *condition;
			LlmNode *yes;
			LlmNode *no; /* NULL: undefined */
		} choice;
		struct
		{
			const LlmBuiltin *builtin;
			LlmNode *subject;					 /* NULL for a function */
			LlmNode *args[LLM_BUILTIN_MAX_ARGS]; /* NULL where none was given */
			bool negated;						 /* is not */
		} call;
		struct
		{
			LlmStrView name;
			LlmNodeList args;
		} invoke;
		struct
		{
			LlmStrView name;
			LlmNode *value;
		} named;
		struct
		{
			LlmNode *condition;
			LlmNodeList body;
		} branch;
		struct
		{
			LlmNode *target; /* name or tuple of names */
			LlmNode *iterable;
			LlmNode *filter; /* NULL when there is no "if" */
			LlmNodeList body;
			LlmNodeList otherwise;
			bool has_otherwise;
		} loop;
		struct
		{
			LlmNode *target; /* name, attribute of a namespace, or tuple of these */
			LlmNode *value;
			LlmNodeList body; /* of a capture, instead of value */
		} set;
		struct
		{
			LlmStrView name;
			LlmNodeList params;
			LlmNodeList body;
		} macro;
	} as;
};

#endif /* LLM_TEMPLATE_NODE_H */
