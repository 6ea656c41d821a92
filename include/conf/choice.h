#ifndef CONF_CHOICE_H
#define CONF_CHOICE_H

/* The values of the settings that are one word out of a few. */

enum pool_mode {
	POOL_MODE_NOT_SET = -1, /* in a database or user entry: ask the next level */
	POOL_MODE_SESSION,
	POOL_MODE_TRANSACTION,
	POOL_MODE_STATEMENT,
};

enum auth_type {
	AUTH_TYPE_ANY,
	AUTH_TYPE_TRUST,
	AUTH_TYPE_PLAIN,
	AUTH_TYPE_MD5,
	AUTH_TYPE_SCRAM_SHA_256,
	AUTH_TYPE_CERT,
	AUTH_TYPE_HBA,
	AUTH_TYPE_LDAP,
	AUTH_TYPE_PAM,
};

/* As libpq's sslmode. */
enum tls_mode {
	TLS_MODE_DISABLE,
	TLS_MODE_ALLOW,
	TLS_MODE_PREFER,
	TLS_MODE_REQUIRE,
	TLS_MODE_VERIFY_CA,
	TLS_MODE_VERIFY_FULL,
};

/* As libpq's sslnegotiation. */
enum ssl_negotiation {
	SSL_NEGOTIATION_POSTGRES, /* SSLRequest first */
	SSL_NEGOTIATION_DIRECT,
};

/* As libpq's channel_binding. */
enum channel_binding {
	CHANNEL_BINDING_DISABLE,
	CHANNEL_BINDING_PREFER,
	CHANNEL_BINDING_REQUIRE,
	CHANNEL_BINDING_NOT_SET = -1,
};

/* Which version of the protocol servers are asked for. */
enum server_protocol {
	SERVER_PROTOCOL_3_0,
	SERVER_PROTOCOL_3_2,
	SERVER_PROTOCOL_AUTO,
};

enum load_balance_hosts {
	LOAD_BALANCE_ROUND_ROBIN,
	LOAD_BALANCE_DISABLE,
};

/* "session", "transaction", "statement"; NULL for POOL_MODE_NOT_SET. */
const char *pool_mode_text(enum pool_mode mode);

#endif
