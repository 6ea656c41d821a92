/*
 * The words that some settings choose from. Used by the option tables; owns nothing.
 */

#include "conf/choice.h"
#include "conf/routing_choice.h"

#include "conf/conf_internal.h"

const struct choice choice_pool_mode[] = {
	{ "session", POOL_MODE_SESSION, false },
	{ "transaction", POOL_MODE_TRANSACTION, false },
	{ "statement", POOL_MODE_STATEMENT, false },
	{ NULL, 0, false },
};

const struct choice choice_auth_type[] = {
	{ "any", AUTH_TYPE_ANY, false },
	{ "trust", AUTH_TYPE_TRUST, false },
	{ "plain", AUTH_TYPE_PLAIN, false },
	{ "md5", AUTH_TYPE_MD5, false },
	{ "scram-sha-256", AUTH_TYPE_SCRAM_SHA_256, false },
	{ "cert", AUTH_TYPE_CERT, false },
	{ "hba", AUTH_TYPE_HBA, false },
	{ "ldap", AUTH_TYPE_LDAP, false },
	{ "pam", AUTH_TYPE_PAM, false },
	{ NULL, 0, false },
};

const struct choice choice_tls_mode[] = {
	{ "disable", TLS_MODE_DISABLE, false },
	{ "allow", TLS_MODE_ALLOW, false },
	{ "prefer", TLS_MODE_PREFER, false },
	{ "require", TLS_MODE_REQUIRE, false },
	{ "verify-ca", TLS_MODE_VERIFY_CA, false },
	{ "verify-full", TLS_MODE_VERIFY_FULL, false },
	{ NULL, 0, false },
};

const struct choice choice_ssl_negotiation[] = {
	{ "postgres", SSL_NEGOTIATION_POSTGRES, false },
	{ "direct", SSL_NEGOTIATION_DIRECT, false },
	{ NULL, 0, false },
};

const struct choice choice_channel_binding[] = {
	{ "disable", CHANNEL_BINDING_DISABLE, false },
	{ "prefer", CHANNEL_BINDING_PREFER, false },
	{ "require", CHANNEL_BINDING_REQUIRE, false },
	{ NULL, 0, false },
};

const struct choice choice_server_protocol[] = {
	{ "3.0", SERVER_PROTOCOL_3_0, false },
	{ "3.2", SERVER_PROTOCOL_3_2, false },
	{ "auto", SERVER_PROTOCOL_AUTO, false },
	{ NULL, 0, false },
};

const struct choice choice_load_balance[] = {
	{ "round-robin", LOAD_BALANCE_ROUND_ROBIN, false },
	{ "disable", LOAD_BALANCE_DISABLE, false },
	{ NULL, 0, false },
};

const struct choice choice_dheparams[] = {
	{ "auto", 0, false },
	{ "legacy", 0, false },
	{ "none", 0, false },
	{ NULL, 0, false },
};

const struct choice choice_syslog_facility[] = {
	{ "auth", 0, false },	{ "authpriv", 0, false }, { "daemon", 0, false },
	{ "user", 0, false },	{ "local0", 0, false },	  { "local1", 0, false },
	{ "local2", 0, false }, { "local3", 0, false },	  { "local4", 0, false },
	{ "local5", 0, false }, { "local6", 0, false },	  { "local7", 0, false },
	{ NULL, 0, false },
};

const struct choice choice_switch[] = {
	{ "off", false, false },
	{ "on", true, false },
	{ "0", false, false },
	{ "1", true, false },
	{ NULL, 0, false },
};

const struct choice choice_balance[] = {
	{ "round-robin", BALANCE_ROUND_ROBIN, false },
	{ "least-connections", BALANCE_LEAST_CONNECTIONS, false },
	{ "latency", BALANCE_LATENCY, false },
	{ "random", BALANCE_RANDOM, false },
	{ NULL, 0, false },
};

const struct choice choice_no_replica[] = {
	{ "primary", NO_REPLICA_PRIMARY, false },
	{ "wait", NO_REPLICA_WAIT, false },
	{ "error", NO_REPLICA_ERROR, false },
	{ NULL, 0, false },
};

const struct choice choice_consistency[] = {
	{ "none", CONSISTENCY_NONE, false },
	{ "session", CONSISTENCY_SESSION, false },
	{ "user", CONSISTENCY_USER, false },
	{ "application", CONSISTENCY_APPLICATION, false },
	{ "database", CONSISTENCY_DATABASE, false },
	{ NULL, 0, false },
};

const struct choice choice_session_target[] = {
	{ "any", TARGET_ANY, false },
	{ "read-write", TARGET_READ_WRITE, false },
	{ "read-only", TARGET_READ_ONLY, false },
	{ "primary", TARGET_PRIMARY, false },
	{ "standby", TARGET_STANDBY, false },
	{ "prefer-standby", TARGET_PREFER_STANDBY, false },
	{ NULL, 0, false },
};

const char *pool_mode_text(enum pool_mode mode)
{
	for (const struct choice *choice = choice_pool_mode; choice->text; choice++)
		if (choice->value == (int)mode)
			return choice->text;
	return NULL;
}
