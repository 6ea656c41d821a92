/*
 * From settings to the options of a cluster: the one place that knows both. Called when a
 * database is made and after each reload; owns nothing.
 */

#include "pool/cluster_settings.h"

#include "conf/effective.h"

_Static_assert(DATABASE_HOSTS_MAX <= CLUSTER_MAX_HOSTS, "all hosts of an entry fit a cluster");

void cluster_settings_read(const struct settings *settings, const struct database_settings *entry,
			   struct cluster_host hosts[CLUSTER_MAX_HOSTS],
			   struct cluster_options *options)
{
	for (unsigned i = 0; i < entry->host_count; i++) {
		const struct database_host *host = &entry->hosts[i];

		hosts[i] = (struct cluster_host){
			.host = slice_of(host->host ? host->host : settings->unix_socket_dir),
			.port = host->port,
			.weight = host->weight,
			.backup = host->backup,
		};
	}
	*options = (struct cluster_options){
		.hosts = hosts,
		.count = entry->host_count,
		.splits = effective_read_write_split(settings, entry),
		.target = effective_target(entry),
		.balance = effective_balance(settings, entry),
		.when_no_replica = effective_when_no_replica(settings, entry),
		.consistency = effective_read_consistency(settings, entry),
		.max_lag = effective_max_replica_lag(settings, entry),
		.max_lag_bytes = (uint64_t)effective_max_replica_lag_bytes(settings, entry),
		.retry_after = effective_replica_retry_after(settings, entry),
	};
}
