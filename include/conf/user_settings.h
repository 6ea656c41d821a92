#ifndef CONF_USER_SETTINGS_H
#define CONF_USER_SETTINGS_H

#include "base/moment.h"
#include "conf/choice.h"

/*
 * One entry of [users], fields named like the keys; not set is NOT_SET, SPAN_NOT_SET or
 * POOL_MODE_NOT_SET. Read-only, and lives as long as its struct settings.
 */

#define USER_NAME_MAX 127 /* bytes */

struct user_settings {
	const char *name;
	enum pool_mode pool_mode;
	int pool_size;
	int reserve_pool_size;
	int max_user_connections;
	int max_user_client_connections;
	struct span query_timeout;
	struct span query_wait_timeout;
	struct span idle_transaction_timeout;
	struct span transaction_timeout;
	struct span client_idle_timeout;

	const char *file; /* where the entry stands, for messages */
	unsigned line;
};

/* One entry of [peers]: another process that may own a cancel key. */
struct peer_settings {
	int peer_id;	  /* 1 to 65535 */
	const char *host; /* always set */
	int port;
	int pool_size; /* NOT_SET: default_pool_size */

	const char *file;
	unsigned line;
};

#endif
