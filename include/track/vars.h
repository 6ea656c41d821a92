#ifndef TRACK_VARS_H
#define TRACK_VARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/result.h"
#include "base/text.h"

/*
 * Settings as values: a varset is an immutable, interned set of (name, value). What a client
 * wants and what a server has are each one varset; equal pointers mean there is nothing to
 * do. Names compare without case, as GUC names do.
 */

struct varset_store;

/* NULL without memory. seed: random, since clients choose the values. */
struct varset_store *varset_store_new(uint64_t seed) MUST_USE;
/* No set may be left referred to. NULL is allowed. */
void varset_store_free(struct varset_store *store);
size_t varset_store_count(const struct varset_store *store);

/*
 * Names whose reported values (ParameterStatus) are kept for each client and restored on each
 * server. BROKEN without memory. A name stays tracked for the store's life.
 */
enum result varset_store_track(struct varset_store *store, struct slice name) MUST_USE;
bool varset_store_tracks(const struct varset_store *store, struct slice name);

struct varset;

/* The empty set; a reference is given. NULL without memory. */
const struct varset *varset_empty(struct varset_store *store) MUST_USE;
const struct varset *varset_ref(const struct varset *set);
/* NULL is allowed. */
void varset_unref(const struct varset *set);

/* varset_store_tracks of the set's own store. */
bool varset_tracked_by(const struct varset *set, struct slice name);

/*
 * Gives a reference to the set with name set to value (value.data NULL: without name); set
 * itself is only read. NULL without memory.
 */
const struct varset *varset_with(const struct varset *set, struct slice name,
				 struct slice value) MUST_USE;
/* The value, or SLICE_NONE (data NULL) when name is not in the set. Borrowed from the set. */
struct slice varset_value(const struct varset *set, struct slice name);
/* Walks in order of name from *index = 0; false at the end. */
bool varset_next(const struct varset *set, unsigned *index, struct slice *name,
		 struct slice *value);

/*
 * True when some server has taken exactly this set, so that another is expected to; varset_prove
 * notes it.
 */
bool varset_is_proven(const struct varset *set);
void varset_prove(const struct varset *set);

/*
 * Appends to sql the statements that turn a server that has `has` into one that has `wants`
 * ("SET \"TimeZone\"='UTC';RESET \"foo\";"), nothing when they are the same. Values that
 * differ in case only are the same for settings whose values are words (client_encoding,
 * DateStyle, TimeZone, ...). Returns how many statements were appended.
 */
unsigned varset_diff(const struct varset *has, const struct varset *wants, struct buffer *sql);

#endif
