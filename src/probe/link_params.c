/*
 * From our settings to libpq's connection parameters (PostgreSQL docs, "Parameter Key Words"), so
 * that a link reaches a server in the way that pools do: the same TLS, nothing from the
 * environment or a home directory. Owned by its link; holds a password.
 */

#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "net/resolve.h"
#include "net/tls.h"
#include "probe_internal.h"

/* A path where nothing is: libpq looks into the home directory when none is given. */
#define NO_FILE "/dev/null/none"
/* Addresses of a name that are tried in one attempt. */
#define ADDRESSES_MAX 4

static enum result add(struct link_params *params, const char *name, const char *value)
{
	char *copy = mem_copy_text(value, strlen(value));

	if (!copy)
		return BROKEN;
	params->names[params->count] = name;
	params->values[params->count++] = copy;
	return OK;
}

static enum result add_number(struct link_params *params, const char *name, int number)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", number);
	return add(params, name, text);
}

static const char *or_no_file(const char *path)
{
	return path && *path ? path : NO_FILE;
}

/* libpq 15 knows no "what the system trusts": its bundle, where there is one. */
static const char *authorities(const struct settings *settings)
{
	static const char *const bundles[] = { "/etc/ssl/certs/ca-certificates.crt",
					       "/etc/pki/tls/certs/ca-bundle.crt" };

	if (*settings->server_tls_ca_file)
		return settings->server_tls_ca_file;
	if (settings->server_tls_sslmode != TLS_MODE_VERIFY_CA &&
	    settings->server_tls_sslmode != TLS_MODE_VERIFY_FULL)
		return NO_FILE;
	if (access(X509_get_default_cert_file(), R_OK) == 0)
		return X509_get_default_cert_file();
	for (size_t i = 0; i < COUNT_OF(bundles); i++)
		if (access(bundles[i], R_OK) == 0)
			return bundles[i];
	return NO_FILE;
}

static enum result add_versions(struct link_params *params, const char *protocols)
{
	static const char *const names[] = { "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3" };
	unsigned versions, low = 0, high = 3;

	if (tls_protocols_read(slice_of(protocols), &versions) != OK)
		return OK;
	while (low < 3 && !(versions & 1u << low))
		low++;
	while (high > low && !(versions & 1u << high))
		high--;
	if (add(params, "ssl_min_protocol_version", names[low]) != OK)
		return BROKEN;
	return add(params, "ssl_max_protocol_version", names[high]);
}

static enum result add_tls(struct link_params *params, const struct settings *settings)
{
	static const char *const modes[] = {
		[TLS_MODE_DISABLE] = "disable",	    [TLS_MODE_ALLOW] = "allow",
		[TLS_MODE_PREFER] = "prefer",	    [TLS_MODE_REQUIRE] = "require",
		[TLS_MODE_VERIFY_CA] = "verify-ca", [TLS_MODE_VERIFY_FULL] = "verify-full",
	};

	if (add(params, "sslmode", modes[settings->server_tls_sslmode]) != OK ||
	    add(params, "sslrootcert", authorities(settings)) != OK ||
	    add(params, "sslcrl", NO_FILE) != OK ||
	    add(params, "sslcert", or_no_file(settings->server_tls_cert_file)) != OK ||
	    add(params, "sslkey", or_no_file(settings->server_tls_key_file)) != OK)
		return BROKEN;
	if (settings->server_tls_sslmode == TLS_MODE_DISABLE)
		return OK;
	return add_versions(params, settings->server_tls_protocols);
}

static enum result add_all(struct link_params *params, const struct link_target *target)
{
	static const char *const bindings[] = {
		[CHANNEL_BINDING_DISABLE] = "disable",
		[CHANNEL_BINDING_PREFER] = "prefer",
		[CHANNEL_BINDING_REQUIRE] = "require",
	};
	const struct settings *settings = target->settings;

	if (add(params, "application_name", "pgcarwash probe") != OK ||
	    add(params, "fallback_application_name", "pgcarwash probe") != OK ||
	    add(params, "passfile", NO_FILE) != OK || add(params, "gssencmode", "disable") != OK ||
	    add(params, "target_session_attrs", "any") != OK ||
	    add(params, "keepalives", settings->tcp_keepalive ? "1" : "0") != OK ||
	    add_number(params, "tcp_user_timeout", settings->tcp_user_timeout) != OK ||
	    add(params, "channel_binding", bindings[target->channel_binding]) != OK ||
	    add_tls(params, settings) != OK || add_number(params, "port", target->port) != OK)
		return BROKEN;
	if (target->dbname && add(params, "dbname", target->dbname) != OK)
		return BROKEN;
	if (target->user && add(params, "user", target->user) != OK)
		return BROKEN;
	if (target->password && add(params, "password", target->password) != OK)
		return BROKEN;
	return OK;
}

enum result link_params_init(struct link_params *params, const struct link_target *target)
{
	*params = (struct link_params){ .port = target->port };
	params->host = mem_copy_text(target->host, strlen(target->host));
	if (params->host && add_all(params, target) == OK)
		return OK;
	link_params_release(params);
	return BROKEN;
}

void link_params_release(struct link_params *params)
{
	for (unsigned i = 0; i < params->count; i++)
		mem_free_secret(params->values[i], strlen(params->values[i]));
	mem_free(params->host);
	*params = (struct link_params){ .count = 0 };
}

bool link_params_equal(const struct link_params *a, const struct link_params *b)
{
	if (!a->host || !b->host || strcmp(a->host, b->host) != 0 || a->count != b->count)
		return false;
	for (unsigned i = 0; i < a->count; i++)
		if (strcmp(a->names[i], b->names[i]) != 0 ||
		    strcmp(a->values[i], b->values[i]) != 0)
			return false;
	return true;
}

/* "10.0.0.1,10.0.0.2" and "db,db": libpq tries one after the other, and checks names of both. */
static void list_addresses(const char *host, const struct resolve_answer *found, unsigned attempts,
			   struct buffer *hosts, struct buffer *addresses)
{
	unsigned count = found->count < ADDRESSES_MAX ? found->count : ADDRESSES_MAX;
	char text[64];

	for (unsigned i = 0; i < count; i++) {
		const struct address *address = &found->addresses[(i + attempts) % found->count];

		if (i) {
			buffer_append_text(hosts, ",");
			buffer_append_text(addresses, ",");
		}
		buffer_append_text(hosts, host);
		buffer_append_text(addresses, address_host(address, text, sizeof(text)));
	}
	buffer_append(hosts, "", 1);
	buffer_append(addresses, "", 1);
}

/* What a server remarks is not for our stderr. */
static void ignore_notice(void *ctx, const PGresult *result)
{
	(void)ctx;
	(void)result;
}

PGconn *link_params_connect(const struct link_params *params, const struct resolve_answer *found,
			    unsigned attempts)
{
	const char *names[LINK_PARAMS_MAX + 3];
	const char *values[LINK_PARAMS_MAX + 3];
	struct buffer hosts = BUFFER_EMPTY, addresses = BUFFER_EMPTY;
	PGconn *connection = NULL;
	unsigned count = params->count;

	memcpy(names, params->names, count * sizeof(*names));
	memcpy(values, params->values, count * sizeof(*values));
	names[count] = "host";
	values[count++] = params->host;
	if (found) {
		list_addresses(params->host, found, attempts, &hosts, &addresses);
		values[count - 1] = hosts.data;
		names[count] = "hostaddr";
		values[count++] = addresses.data;
	}
	names[count] = values[count] = NULL;
	if (!hosts.failed && !addresses.failed)
		connection = PQconnectStartParams(names, values, 0);
	if (connection)
		PQsetNoticeReceiver(connection, ignore_notice, NULL);
	buffer_release(&hosts);
	buffer_release(&addresses);
	return connection;
}
