/*
 * Secrets that auth_query gave for users of a database. Owned by the database, since another
 * database may lie on another server, where the same name has another secret. As many as there are
 * roles on the server at most, since a name that is none's is never learned.
 */

#include <string.h>

#include "base/alloc.h"
#include "pool_internal.h"

struct learned_secret {
	struct secret secret; /* of text */
	size_t        len;
	char          text[];
};

static void free_learned(struct learned_secret *learned)
{
	if (learned)
		mem_free_secret(learned, sizeof(*learned) + learned->len + 1);
}

/* What failed for the old secret is worth another try with the new one. */
static void try_again(struct database *database, struct slice user)
{
	struct pool *pool = map_get(&database->users, user);

	if (pool && (pool->failure == END_SERVER_LOGIN_FAILED ||
	             pool->failure == END_WRONG_PASSWORD_TYPE))
		pool->failed = false;
}

enum result database_learn_secret(struct database *database, struct slice user,
                                  struct slice secret)
{
	struct learned_secret *old = map_get(&database->learned, user);
	struct learned_secret *learned;

	if (old && slice_equal(old->secret.text, secret))
		return OK;
	learned = mem_alloc_zero(sizeof(*learned) + secret.len + 1);
	if (!learned)
		return BROKEN;
	learned->len = secret.len;
	if (secret.len)
		memcpy(learned->text, secret.data, secret.len);
	learned->secret = secret_of((struct slice){ learned->text, learned->len });
	if (map_put(&database->learned, user, learned) != OK) {
		free_learned(learned);
		return BROKEN;
	}
	free_learned(old);
	try_again(database, user);
	return OK;
}

void database_forget_secret(struct database *database, struct slice user)
{
	free_learned(map_remove(&database->learned, user));
}

const struct secret *database_learned_secret(const struct database *database, struct slice user)
{
	const struct learned_secret *learned = map_get(&database->learned, user);

	return learned ? &learned->secret : NULL;
}

const struct secret *database_learned_example(const struct database *database, struct slice name)
{
	const struct map *map = &database->learned;
	struct learned_secret *best = NULL;
	struct slice           user;
	uint64_t               hash, lowest = UINT64_MAX;
	size_t                 cursor = 0;
	void                  *learned;

	while (map_next(map, &cursor, &user, &learned)) {
		hash = hash_bytes(name.data, name.len, hash_bytes(user.data, user.len, map->seed));
		if (best && hash >= lowest)
			continue;
		best = learned;
		lowest = hash;
	}
	return best ? &best->secret : NULL;
}

void database_release_learned(struct database *database)
{
	struct slice user;
	size_t       cursor = 0;
	void        *learned;

	while (map_next(&database->learned, &cursor, &user, &learned))
		free_learned(learned);
	map_release(&database->learned);
}
