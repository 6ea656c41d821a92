#ifndef TRACK_NAMES_H
#define TRACK_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"
#include "base/result.h"
#include "base/text.h"
#include "track/statements.h"

/*
 * A client's names for statements. A binding is one name and what it stands for; it is in the
 * client's table, or held by the debt that would undo its removal.
 */

struct binding {
	struct list_node node;	     /* in names.all */
	struct statement *statement; /* a reference; NULL: on the server, under this very name */
	uint32_t generation;	     /* of the statement's result type that the client knows */
	uint64_t request;	     /* of the debt whose Parse gave the name */
	bool described;		     /* the client was told its result type, or will be */
	uint32_t name_len;
	char name[];
};

struct name_table;

struct names {
	struct name_table *table; /* owned; NULL until the first name: most clients give none */
	unsigned count;
	unsigned on_server; /* how many of them stand for no statement */
};

void names_init(struct names *names);
/* Frees all bindings. */
void names_release(struct names *names);
/* Borrowed, or NULL. */
struct binding *names_find(const struct names *names, struct slice name);
/*
 * Gives name to statement (a reference is taken; NULL allowed). The binding is the table's.
 * NULL without memory; name must be free.
 */
struct binding *names_add(struct names *names, struct slice name, struct statement *statement,
			  uint64_t request) MUST_USE;
/* The one given by this request, or NULL. Walks all. */
struct binding *names_find_request(const struct names *names, uint64_t request);
/* What names stand for statement is as new as it: the client knows of its change now. */
void names_renew(struct names *names, const struct statement *statement);
/* Takes binding out of the table without freeing it: the caller's now. */
void names_take(struct names *names, struct binding *binding);
/* Puts a taken binding back; frees it when the name is in use again. BROKEN without memory. */
enum result names_put_back(struct names *names, struct binding *binding) MUST_USE;
/* Frees all bindings made before this request (DISCARD ALL, DEALLOCATE ALL). */
void names_drop_before(struct names *names, uint64_t request);

struct slice binding_name(const struct binding *binding);
/* Of one that is in no table; NULL is allowed. */
void binding_free(struct binding *binding);

#endif
