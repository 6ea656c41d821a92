/*
 * Secrets that auth_query gave for users of a database, and passwords that PAM or LDAP found good.
 * Owned by the database, since another database may lie on another server, where the same name has
 * another secret. As many as there are users at most, since a name that is nobody's is never
 * learned.
 */

#include <string.h>

#include "base/alloc.h"
#include "pool_internal.h"

struct learned_secret {
	struct secret secret; /* of text */
	bool          proved; /* a password that a client came in with */
	bool          met;    /* this user has logged in */
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

	if (!pool)
		return;
	pool_try_again(pool, END_SERVER_LOGIN_FAILED);
	pool_try_again(pool, END_WRONG_PASSWORD_TYPE);
}

static enum result learn(struct database *database, struct slice user, struct slice secret,
                         bool proved)
{
	struct learned_secret *old = map_get(&database->learned, user);
	struct learned_secret *learned;

	if (old && old->proved == proved && slice_equal(old->secret.text, secret))
		return OK;
	learned = mem_alloc_zero(sizeof(*learned) + secret.len + 1);
	if (!learned)
		return BROKEN;
	learned->len = secret.len;
	if (secret.len)
		memcpy(learned->text, secret.data, secret.len);
	learned->secret = secret_of((struct slice){ learned->text, learned->len });
	learned->proved = proved;
	learned->met = old && old->met;
	/* Whatever it looks like, it was typed. */
	if (proved)
		learned->secret.kind = SECRET_PLAIN;
	if (map_put(&database->learned, user, learned) != OK) {
		free_learned(learned);
		return BROKEN;
	}
	free_learned(old);
	try_again(database, user);
	return OK;
}

enum result database_learn_secret(struct database *database, struct slice user,
                                  struct slice secret)
{
	return learn(database, user, secret, false);
}

enum result database_learn_password(struct database *database, struct slice user,
                                    struct slice password)
{
	return learn(database, user, password, true);
}

void database_note_login(struct database *database, struct slice user)
{
	struct learned_secret *learned = map_get(&database->learned, user);

	if (learned)
		learned->met = true;
}

bool database_next_met(const struct database *database, size_t *cursor, struct slice *user)
{
	void *learned;

	while (map_next(&database->learned, cursor, user, &learned))
		if (((const struct learned_secret *)learned)->met)
			return true;
	return false;
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

const struct secret *database_learned_password(const struct database *database,
                                               struct slice           user)
{
	const struct learned_secret *learned = map_get(&database->learned, user);

	return learned && learned->proved ? &learned->secret : NULL;
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
