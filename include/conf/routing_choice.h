#ifndef CONF_ROUTING_CHOICE_H
#define CONF_ROUTING_CHOICE_H

/* The words of the settings that say how transactions are spread over the hosts of an entry. */

enum balance_method {
	BALANCE_ROUND_ROBIN,
	BALANCE_LEAST_CONNECTIONS,
	BALANCE_LATENCY,
	BALANCE_RANDOM,
};

enum no_replica { NO_REPLICA_PRIMARY, NO_REPLICA_WAIT, NO_REPLICA_ERROR };

/* Whose writes a read must see. */
enum read_consistency {
	CONSISTENCY_NONE,
	CONSISTENCY_SESSION,
	CONSISTENCY_USER,
	CONSISTENCY_APPLICATION,
	CONSISTENCY_DATABASE,
};

/* libpq's target_session_attrs, for all of an entry's clients. */
enum session_target {
	TARGET_ANY,
	TARGET_READ_WRITE,
	TARGET_READ_ONLY,
	TARGET_PRIMARY,
	TARGET_STANDBY,
	TARGET_PREFER_STANDBY,
};

#endif
