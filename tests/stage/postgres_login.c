/* How the small PostgreSQL finds out who connects. */
#include "stage/postgres_internal.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "auth/derivation.h"
#include "auth/md5.h"
#include "auth/scram_server.h"
#include "wire/sasl.h"
#include "wire/startup.h"

static const char salt[MD5_SALT_LEN] = { 's', 'a', 'l', 't' };

static void ask(struct postgres_connection *connection)
{
	struct slice mechanism = SLICE_LITERAL(SCRAM_MECHANISM);
	struct slice salt_slice = { salt, sizeof(salt) };

	switch (connection->postgres->login) {
	case POSTGRES_TRUST: postgres_let_in(connection); return;
	case POSTGRES_REFUSE:
		postgres_error(connection, "FATAL", "28000", "you may not come in");
		return;
	case POSTGRES_SILENT: return;
	case POSTGRES_PLAIN:
		sasl_write_request(&connection->out, AUTH_REQUEST_CLEARTEXT, SLICE_NONE);
		return;
	case POSTGRES_MD5:
		sasl_write_request(&connection->out, AUTH_REQUEST_MD5, salt_slice);
		return;
	case POSTGRES_SCRAM: sasl_write_mechanisms(&connection->out, &mechanism, 1); return;
	}
}

void postgres_start(struct postgres_connection *connection, struct slice body)
{
	struct startup_pairs pairs;
	struct slice name, value;
	enum result result;

	connection->number = ++connection->postgres->started;
	postgres_settings_init(connection);
	startup_pairs_init(&pairs, body);
	while ((result = startup_pairs_next(&pairs, &name, &value)) == OK) {
		if (slice_equal(name, SLICE_LITERAL("user")))
			snprintf(connection->user, sizeof(connection->user), "%.*s", (int)value.len,
				 value.data);
		else if (!slice_equal(name, SLICE_LITERAL("database")) &&
			 !slice_equal(name, SLICE_LITERAL("replication")) &&
			 !postgres_set(connection, name, value))
			postgres_complain(connection->postgres, "start-up parameter %.*s",
					  (int)name.len, name.data);
	}
	if (result == BROKEN)
		postgres_complain(connection->postgres, "a malformed StartupMessage");
	ask(connection);
}

/* The keys behind the password, derived once for the process. */
static const struct scram_keys *server_keys(const char *password)
{
	static struct scram_keys keys;
	static char known[64];
	struct scram_recipe recipe = { .iterations = 4096, .salt_len = 16 };

	if (strcmp(known, password) == 0)
		return &keys;
	memcpy(recipe.salt, "0123456789abcdef", 16);
	if (derive_keys(slice_of(password), &recipe, &keys) != OK)
		abort();
	snprintf(known, sizeof(known), "%s", password);
	return &keys;
}

void postgres_verifier(const struct postgres *postgres, struct buffer *out)
{
	struct scram_verifier verifier;

	if (scram_verifier_from_keys(&verifier, server_keys(postgres->password)) != OK)
		abort();
	scram_verifier_format(&verifier, out);
}

static void scram_first(struct postgres_connection *connection, struct slice body)
{
	const uint8_t nonce[SCRAM_NONCE_LEN] = "nonce of a srvr";
	struct buffer reply = BUFFER_EMPTY;
	struct scram_verifier verifier;
	struct slice mechanism, data;

	if (scram_verifier_from_keys(&verifier, server_keys(connection->postgres->password)) != OK)
		abort();
	connection->scram = scram_server_new(
		&verifier, (struct scram_channel){ SCRAM_BINDING_NONE, SLICE_NONE });
	if (sasl_read_initial(body, &mechanism, &data) == OK &&
	    scram_server_first(connection->scram, mechanism, data, nonce, &reply) == OK)
		sasl_write_request(&connection->out, AUTH_REQUEST_SASL_CONTINUE,
				   buffer_slice(&reply));
	else
		postgres_complain(connection->postgres, "a bad client-first message");
	buffer_release(&reply);
}

static void scram_final(struct postgres_connection *connection, struct slice body)
{
	struct buffer reply = BUFFER_EMPTY;
	struct scram_keys keys;

	if (scram_server_final(connection->scram, body, &reply, &keys) == OK) {
		sasl_write_request(&connection->out, AUTH_REQUEST_SASL_FINAL, buffer_slice(&reply));
		postgres_let_in(connection);
	} else {
		postgres_error(connection, "FATAL", "28P01", "wrong password");
	}
	buffer_release(&reply);
}

void postgres_answer(struct postgres_connection *connection, struct slice body)
{
	struct postgres *postgres = connection->postgres;
	struct slice password = slice_of(postgres->password), given;
	struct secret secret = secret_of(password);
	bool fits;

	if (postgres->login == POSTGRES_SCRAM) {
		if (connection->scram)
			scram_final(connection, body);
		else
			scram_first(connection, body);
		return;
	}
	if (sasl_read_password(body, &given) != OK) {
		postgres_complain(postgres, "a malformed PasswordMessage");
		return;
	}
	fits = postgres->login == POSTGRES_MD5
		       ? md5_answer_fits(&secret, slice_of(connection->user), (const uint8_t *)salt,
					 given)
		       : slice_equal(given, password);
	if (fits)
		postgres_let_in(connection);
	else
		postgres_error(connection, "FATAL", "28P01", "wrong password");
}

void postgres_login_free(struct postgres_connection *connection)
{
	scram_server_free(connection->scram);
}
