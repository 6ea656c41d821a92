#ifndef SQL_FUNCTION_BOOK_H
#define SQL_FUNCTION_BOOK_H

#include <stdbool.h>

#include "base/result.h"
#include "base/text.h"

/*
 * What is known of the functions of one database, and of relations that are no plain tables to
 * read (sequences, unlogged tables, views that call more than reads): filled from its catalogue
 * by whoever asks the server, then sealed and shared. PostgreSQL's own functions are known without
 * a book, from a table made of PostgreSQL 15's pg_proc (src/sql/builtin_functions.h says how).
 *
 * A function reads if it is immutable or stable (docs, "Function Volatility Categories"), or is
 * one of PostgreSQL's volatile ones that are harmless on a standby and answer the same there
 * (random, clock_timestamp, pg_sleep, gen_random_uuid, ...).
 */

enum function_effect {
	FUNCTION_UNKNOWN, /* nobody has said anything about this name */
	FUNCTION_READS,
	FUNCTION_HOST, /* reads what may differ from host to host: pg_is_in_recovery, ... */
	FUNCTION_WRITES,
};

struct function_book;

/* Gives an empty book with one reference, or NULL without memory. */
struct function_book *function_book_new(void);
/*
 * Notes a row of pg_proc (any schema, pg_catalog too; names as the catalogue has them). Of
 * overloads and of equal names in several schemas the worst counts. BROKEN without memory: the
 * book is then to be dropped, it may know less than it must. Not after the seal.
 */
enum result function_book_add(struct function_book *book, struct slice schema, struct slice name,
			      bool is_volatile) MUST_USE;
/* Notes an operator (its bare name) whose function is volatile; as function_book_add. */
enum result function_book_add_operator(struct function_book *book, struct slice name) MUST_USE;
/*
 * Notes a relation, of any schema, that may not be read on a replica: a sequence, whose row is
 * ahead there (docs, "CREATE SEQUENCE", Notes), an unlogged table, or a view over these.
 */
enum result function_book_add_relation(struct function_book *book, struct slice name) MUST_USE;
/*
 * Notes that a view calls a function: one of PostgreSQL's own, else function is empty. No effect
 * where that is no more than a read.
 */
enum result function_book_add_view(struct function_book *book, struct slice name,
				   struct slice function, bool is_volatile) MUST_USE;
/* Notes that a view reads one of pg_catalog. No effect where that is the same on all hosts. */
enum result function_book_add_view_over(struct function_book *book, struct slice name,
					struct slice relation) MUST_USE;
/* From now on it does not change. */
void function_book_seal(struct function_book *book);
struct function_book *function_book_ref(struct function_book *book);
/* NULL is allowed. */
void function_book_unref(struct function_book *book);

/*
 * What calling name does; the names as the parser gives them (folded, without quotes). An empty
 * schema is a bare name, which may be found in any schema: the worst of all counts. book may be
 * NULL.
 */
enum function_effect function_book_look(const struct function_book *book, struct slice schema,
					struct slice name);
/* True when an operator of that name, in any schema, has a volatile function. */
bool function_book_operator_writes(const struct function_book *book, struct slice name);
/* True when there is such an operator at all. book may be NULL. */
bool function_book_has_operators(const struct function_book *book);
/* What reading a relation does: READS, also of one that nobody noted, HOST or WRITES. */
enum function_effect function_book_relation(const struct function_book *book, struct slice name);
/*
 * The query that fills a book, with the columns kind, schema, name, volatile:
 *   f  a function's schema and name, and whether an overload is volatile
 *   o  an operator's name, true
 *   r  a relation's name: see function_book_add_relation
 *   v  a function's name or '', a view's name, whether the function is volatile
 *   w  the name of a relation of pg_catalog, that of a view
 * Leaves out what the built-in table knows as well, and the server's own views.
 */
const char *function_book_query(void);

#endif
