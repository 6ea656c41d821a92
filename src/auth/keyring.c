/*
 * Derived keys, remembered under a digest of password and recipe.
 *
 * Owns its entries: each is in the map and in the list, most recently used first. Called by
 * challenge.c and by the login to servers.
 */
#include "auth/keyring.h"

#include <openssl/evp.h>

#include "auth/auth_internal.h"
#include "base/alloc.h"
#include "base/list.h"
#include "base/map.h"

struct entry {
	struct list_node node;
	uint8_t digest[SCRAM_KEY_LEN];
	struct scram_keys keys;
};

struct keyring {
	struct map entries;   /* digest -> entry */
	struct list recently; /* the one used last is first */
	size_t limit;
};

struct keyring *keyring_new(size_t limit, uint64_t seed)
{
	struct keyring *keyring = mem_alloc(sizeof(*keyring));

	if (!keyring)
		return NULL;
	map_init(&keyring->entries, seed);
	list_init(&keyring->recently);
	keyring->limit = limit ? limit : 1;
	return keyring;
}

static struct slice digest_of(const struct entry *entry)
{
	return (struct slice){ (const char *)entry->digest, sizeof(entry->digest) };
}

static void forget(struct keyring *keyring, struct entry *entry)
{
	map_remove(&keyring->entries, digest_of(entry));
	list_remove(&keyring->recently, &entry->node);
	mem_free_secret(entry, sizeof(*entry));
}

void keyring_free(struct keyring *keyring)
{
	if (!keyring)
		return;
	LIST_EACH(&keyring->recently, node)
	forget(keyring, CONTAINER_OF(node, struct entry, node));
	map_release(&keyring->entries);
	mem_free(keyring);
}

/* The recipe has a fixed size, so no two questions make the same bytes. */
static enum result make_digest(struct slice password, const struct scram_recipe *recipe,
			       uint8_t digest[SCRAM_KEY_LEN])
{
	struct scram_recipe exact;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool fine;

	memset(&exact, 0, sizeof(exact));
	exact.iterations = recipe->iterations;
	exact.salt_len = recipe->salt_len;
	memcpy(exact.salt, recipe->salt, recipe->salt_len);
	fine = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
	       EVP_DigestUpdate(context, &exact, sizeof(exact)) == 1 &&
	       EVP_DigestUpdate(context, password.data, password.len) == 1 &&
	       EVP_DigestFinal_ex(context, digest, NULL) == 1;
	EVP_MD_CTX_free(context);
	return fine ? OK : BROKEN;
}

const struct scram_keys *keyring_find(struct keyring *keyring, struct slice password,
				      const struct scram_recipe *recipe)
{
	struct entry probe;
	struct entry *entry;

	if (make_digest(password, recipe, probe.digest) != OK)
		return NULL;
	entry = map_get(&keyring->entries, digest_of(&probe));
	if (!entry)
		return NULL;
	list_remove(&keyring->recently, &entry->node);
	list_prepend(&keyring->recently, &entry->node);
	return &entry->keys;
}

void keyring_put(struct keyring *keyring, struct slice password, const struct scram_keys *keys)
{
	struct entry *entry;

	if (keyring_find(keyring, password, &keys->recipe))
		return;
	entry = mem_alloc_zero(sizeof(*entry));
	if (!entry)
		return;
	entry->keys = *keys;
	if (make_digest(password, &keys->recipe, entry->digest) != OK ||
	    map_put(&keyring->entries, digest_of(entry), entry) != OK) {
		mem_free_secret(entry, sizeof(*entry));
		return;
	}
	list_prepend(&keyring->recently, &entry->node);
	if (keyring->recently.len > keyring->limit)
		forget(keyring, CONTAINER_OF(list_last(&keyring->recently), struct entry, node));
}

size_t keyring_len(const struct keyring *keyring)
{
	return keyring->recently.len;
}
