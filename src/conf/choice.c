/*
 * The words that some settings choose from. Used by the option tables; owns nothing.
 */

#include "conf/choice.h"
#include "conf/routing_choice.h"

#include "conf/conf_internal.h"

const struct choice choice_pool_mode[] = {
	{ "session", POOL_MODE_SESSION },
	{ "transaction", POOL_MODE_TRANSACTION },
	{ "statement", POOL_MODE_STATEMENT },
	{ NULL, 0 },
};

const struct choice choice_auth_type[] = {
	{ "any", AUTH_TYPE_ANY },
	{ "trust", AUTH_TYPE_TRUST },
	{ "plain", AUTH_TYPE_PLAIN },
	{ "md5", AUTH_TYPE_MD5 },
	{ "scram-sha-256", AUTH_TYPE_SCRAM_SHA_256 },
	{ "cert", AUTH_TYPE_CERT },
	{ "hba", AUTH_TYPE_HBA },
	{ "ldap", AUTH_TYPE_LDAP },
	{ "pam", AUTH_TYPE_PAM },
	{ NULL, 0 },
};

const struct choice choice_tls_mode[] = {
	{ "disable", TLS_MODE_DISABLE },
	{ "allow", TLS_MODE_ALLOW },
	{ "prefer", TLS_MODE_PREFER },
	{ "require", TLS_MODE_REQUIRE },
	{ "verify-ca", TLS_MODE_VERIFY_CA },
	{ "verify-full", TLS_MODE_VERIFY_FULL },
	{ NULL, 0 },
};

const struct choice choice_ssl_negotiation[] = {
	{ "postgres", SSL_NEGOTIATION_POSTGRES },
	{ "direct", SSL_NEGOTIATION_DIRECT },
	{ NULL, 0 },
};

const struct choice choice_channel_binding[] = {
	{ "disable", CHANNEL_BINDING_DISABLE },
	{ "prefer", CHANNEL_BINDING_PREFER },
	{ "require", CHANNEL_BINDING_REQUIRE },
	{ NULL, 0 },
};

const struct choice choice_server_protocol[] = {
	{ "3.0", SERVER_PROTOCOL_3_0 },
	{ "3.2", SERVER_PROTOCOL_3_2 },
	{ "auto", SERVER_PROTOCOL_AUTO },
	{ NULL, 0 },
};

const struct choice choice_load_balance[] = {
	{ "round-robin", LOAD_BALANCE_ROUND_ROBIN },
	{ "disable", LOAD_BALANCE_DISABLE },
	{ NULL, 0 },
};

const struct choice choice_dheparams[] = {
	{ "auto", 0 },
	{ "legacy", 0 },
	{ "none", 0 },
	{ NULL, 0 },
};

const struct choice choice_syslog_facility[] = {
	{ "auth", 0 },	 { "authpriv", 0 }, { "daemon", 0 }, { "user", 0 },   { "local0", 0 },
	{ "local1", 0 }, { "local2", 0 },   { "local3", 0 }, { "local4", 0 }, { "local5", 0 },
	{ "local6", 0 }, { "local7", 0 },   { NULL, 0 },
};

const struct choice choice_switch[] = {
	{ "off", false },
	{ "on", true },
	{ "0", false },
	{ "1", true },
	{ NULL, 0 },
};

const struct choice choice_balance[] = {
	{ "round-robin", BALANCE_ROUND_ROBIN },
	{ "least-connections", BALANCE_LEAST_CONNECTIONS },
	{ "latency", BALANCE_LATENCY },
	{ "random", BALANCE_RANDOM },
	{ NULL, 0 },
};

const struct choice choice_no_replica[] = {
	{ "primary", NO_REPLICA_PRIMARY },
	{ "wait", NO_REPLICA_WAIT },
	{ "error", NO_REPLICA_ERROR },
	{ NULL, 0 },
};

const struct choice choice_consistency[] = {
	{ "none", CONSISTENCY_NONE },
	{ "session", CONSISTENCY_SESSION },
	{ "user", CONSISTENCY_USER },
	{ "application", CONSISTENCY_APPLICATION },
	{ "database", CONSISTENCY_DATABASE },
	{ NULL, 0 },
};

const struct choice choice_session_target[] = {
	{ "any", TARGET_ANY },
	{ "read-write", TARGET_READ_WRITE },
	{ "read-only", TARGET_READ_ONLY },
	{ "primary", TARGET_PRIMARY },
	{ "standby", TARGET_STANDBY },
	{ "prefer-standby", TARGET_PREFER_STANDBY },
	{ NULL, 0 },
};

const char *pool_mode_text(enum pool_mode mode)
{
	for (const struct choice *choice = choice_pool_mode; choice->text; choice++)
		if (choice->value == (int)mode)
			return choice->text;
	return NULL;
}
