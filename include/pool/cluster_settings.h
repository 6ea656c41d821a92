#ifndef POOL_CLUSTER_SETTINGS_H
#define POOL_CLUSTER_SETTINGS_H

#include "conf/settings.h"
#include "route/cluster_options.h"

/*
 * What the settings say of an entry that is a cluster (effective_is_cluster), as the router
 * wants it. Texts are borrowed from settings and entry; hosts is room of the caller's that options
 * points into.
 */
void cluster_settings_read(const struct settings *settings, const struct database_settings *entry,
			   struct cluster_host hosts[CLUSTER_MAX_HOSTS],
			   struct cluster_options *options);

#endif
