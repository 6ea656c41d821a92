/* Names of PostgreSQL 15's catalogue that say something about the host or the session. */
#include "sql/sql_internal.h"

#define NAME(text)                                                                                 \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}

static int compare(struct slice a, struct slice b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = memcmp(a.data, b.data, len);

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

bool catalogue_has(const struct slice *names, size_t count, struct slice word)
{
	size_t low = 0, high = count;

	while (low < high && word.len > 0) {
		size_t middle = low + (high - low) / 2;
		int order = compare(word, names[middle]);

		if (order == 0)
			return true;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

/* Views over memory and files of a server (docs, "System Views", "Monitoring Statistics"). */
static const struct slice host_relations[] = {
	NAME("pg_aios"),
	NAME("pg_available_extension_versions"),
	NAME("pg_available_extensions"),
	NAME("pg_backend_memory_contexts"),
	NAME("pg_config"),
	NAME("pg_cursors"),
	NAME("pg_file_settings"),
	NAME("pg_hba_file_rules"),
	NAME("pg_ident_file_mappings"),
	NAME("pg_locks"),
	NAME("pg_prepared_statements"),
	NAME("pg_prepared_xacts"),
	NAME("pg_replication_origin_status"),
	NAME("pg_replication_slots"),
	NAME("pg_sequences"),
	NAME("pg_settings"),
	NAME("pg_shmem_allocations"),
	NAME("pg_shmem_allocations_numa"),
	NAME("pg_timezone_abbrevs"),
	NAME("pg_timezone_names"),
};

bool catalogue_is_about_host(struct slice relation)
{
	/* pg_stats and its like are tables of the planner, the same everywhere. */
	return slice_starts_with(relation, SLICE_LITERAL("pg_stat_")) ||
	       slice_starts_with(relation, SLICE_LITERAL("pg_statio_")) ||
	       catalogue_has(host_relations, COUNT_OF(host_relations), relation);
}

bool catalogue_is_of_sequence(struct slice column)
{
	static const struct slice columns[] = { NAME("is_called"), NAME("last_value"),
						NAME("log_cnt") };

	return catalogue_has(columns, COUNT_OF(columns), column);
}

static const struct slice host_settings[] = {
	NAME("all"),
	NAME("in_hot_standby"),
	NAME("port"),
	NAME("primary_conninfo"),
	NAME("primary_slot_name"),
	NAME("transaction_read_only"),
};

bool catalogue_setting_is_about_host(struct slice name)
{
	return catalogue_has(host_settings, COUNT_OF(host_settings), name);
}

static const struct slice state_functions[] = {
	NAME("pg_advisory_lock"),
	NAME("pg_advisory_lock_shared"),
	NAME("pg_advisory_unlock"),
	NAME("pg_advisory_unlock_all"),
	NAME("pg_advisory_unlock_shared"),
	NAME("pg_try_advisory_lock"),
	NAME("pg_try_advisory_lock_shared"),
	NAME("set_config"),
	NAME("setseed"),
};

bool catalogue_function_keeps_state(struct slice name)
{
	return catalogue_has(state_functions, COUNT_OF(state_functions), name);
}
