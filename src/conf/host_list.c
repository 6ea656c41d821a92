/*
 * The hosts of an entry: host, port, weight and backup are lists that belong together, one
 * element for each host; a list of one holds for all. Called by the draft, once an entry's keys
 * are read; owns nothing, the array lives in the settings' arena.
 */

#include <assert.h>

#include "conf/conf_internal.h"

struct place {
	const struct database_settings *database;
	struct complaints *complaints;
};

static unsigned count_fields(const char *list)
{
	struct slice rest = slice_of(list), field;
	unsigned count = 0;

	while (slice_next_field(&rest, ',', &field))
		count++;
	return count;
}

/* The field of this number, or the only one. */
static struct slice pick_field(const char *list, unsigned number)
{
	struct slice rest = slice_of(list), field = SLICE_NONE;

	do {
		if (!slice_next_field(&rest, ',', &field))
			break;
	} while (number-- > 0);
	return field;
}

/* otherwise: what counts without a list. Values are in range: value_parse saw to it. */
static int pick_number(const char *list, unsigned number, int otherwise)
{
	int64_t value = otherwise;

	if (list && text_to_int64_c(pick_field(list, number), &value) != OK)
		value = otherwise;
	return (int)value;
}

static bool fits(struct place place, const char *key, const char *list, unsigned hosts)
{
	unsigned count = list ? count_fields(list) : 1;

	if (count == 1 || count == hosts)
		return true;
	complaints_add(place.complaints, COMPLAINT_ERROR, place.database->file,
		       place.database->line,
		       "database \"%s\": %u values of \"%s\" for %u host%s: allowed is one for "
		       "all or one for each",
		       place.database->name, count, key, hosts, hosts == 1 ? "" : "s");
	return false;
}

static void complain(struct place place, const char *text)
{
	complaints_add(place.complaints, COMPLAINT_ERROR, place.database->file,
		       place.database->line, "database \"%s\": %s", place.database->name, text);
}

static bool lists_are_good(struct place place, unsigned count)
{
	const struct database_settings *database = place.database;
	bool good = fits(place, "port", database->ports, count);

	good = fits(place, "weight", database->weight, count) && good;
	good = fits(place, "backup", database->backup, count) && good;
	if (count > DATABASE_HOSTS_MAX) {
		complaints_add(place.complaints, COMPLAINT_ERROR, database->file, database->line,
			       "database \"%s\": %u hosts, at most %d are allowed", database->name,
			       count, DATABASE_HOSTS_MAX);
		good = false;
	}
	for (unsigned i = 0; database->host && i < count; i++) {
		if (pick_field(database->host, i).len)
			continue;
		complain(place, "an empty name in the list of hosts");
		return false;
	}
	return good;
}

static struct database_host *copy_hosts(const struct database_host *hosts, unsigned count,
					struct arena *arena)
{
	struct database_host *copy = arena_alloc(arena, count * sizeof(*copy));

	for (unsigned i = 0; copy && i < count; i++) {
		copy[i] = hosts[i];
		if (!hosts[i].host)
			continue;
		copy[i].host = arena_copy_text(arena, slice_of(hosts[i].host));
		if (!copy[i].host)
			return NULL;
	}
	return copy;
}

enum result host_list_read(struct database_settings *database, struct arena *arena,
			   struct complaints *complaints)
{
	struct place place = { database, complaints };
	unsigned count = database->host ? count_fields(database->host) : 1;
	struct database_host *hosts;

	/* so that what is refused can be looked at, too */
	if (count == 0 || !lists_are_good(place, count))
		count = 1;
	hosts = arena_alloc(arena, count * sizeof(*hosts));
	for (unsigned i = 0; hosts && i < count; i++) {
		hosts[i].port = pick_number(database->ports, i, 5432);
		hosts[i].weight = (unsigned)pick_number(database->weight, i, 1);
		hosts[i].backup = pick_number(database->backup, i, 0) != 0;
		if (!database->host)
			continue;
		hosts[i].host = arena_copy_text(arena, pick_field(database->host, i));
		if (!hosts[i].host)
			return BROKEN;
	}
	if (!hosts)
		return BROKEN;
	database->hosts = hosts;
	database->host_count = count;
	database->port = hosts[0].port;
	return OK;
}

enum result host_list_copy(struct database_settings *to, const struct database_settings *from,
			   struct arena *arena)
{
	assert(from->host_count > 0);
	to->hosts = copy_hosts(from->hosts, from->host_count, arena);
	to->host_count = from->host_count;
	to->port = from->port;
	return to->hosts ? OK : BROKEN;
}
