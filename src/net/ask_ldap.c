/*
 * One question to an LDAP directory. Called in a thread of net/workers.c; owns its connection for
 * the call. Every step is asynchronous in the library's sense and waited for with what is left of
 * the timeout, so that a directory that has gone silent keeps a thread no longer than a login may
 * take. Referrals are not followed, as PostgreSQL has it: they would send passwords anywhere.
 */
#include "net/ask_ldap.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#ifdef HAVE_LDAP

#include <errno.h>
#include <ldap.h>
#include <poll.h>

#include "auth/directory.h"

/* Above what has the socket, below TLS. */
#define LAYER_IN_TIME ((LBER_SBIOD_LEVEL_PROVIDER + LBER_SBIOD_LEVEL_TRANSPORT) / 2)

struct asking {
	struct ldap_conncb callbacks;
	const struct ldap_question *question;
	LDAP *ldap;
	int64_t until_ms;
	bool handshakes; /* a TLS handshake has begun, and is what fails if connecting does */
	char *reason;
	size_t cap;
};

static int64_t clock_ms(void)
{
	struct timespec clock;

	clock_gettime(CLOCK_MONOTONIC, &clock);
	return (int64_t)clock.tv_sec * 1000 + clock.tv_nsec / 1000000;
}

/* What is left; a millisecond at least, since none means for ever to the library. */
static struct timeval time_left(const struct asking *asking)
{
	int64_t left = asking->until_ms - clock_ms();

	if (left < 1)
		left = 1;
	return (struct timeval){ left / 1000, left % 1000 * 1000 };
}

static bool refuse(const struct asking *asking, const char *step, int error)
{
	char *detail = NULL;

	ldap_get_option(asking->ldap, LDAP_OPT_DIAGNOSTIC_MESSAGE, &detail);
	snprintf(asking->reason, asking->cap, "%s: %s%s%s", step, ldap_err2string(error),
		 detail && *detail ? ": " : "", detail ? detail : "");
	ldap_memfree(detail);
	return false;
}

static int set_times(const struct asking *asking)
{
	struct timeval left = time_left(asking);

	return ldap_set_option(asking->ldap, LDAP_OPT_NETWORK_TIMEOUT, &left) == LDAP_OPT_SUCCESS &&
			       ldap_set_option(asking->ldap, LDAP_OPT_TIMEOUT, &left) ==
				       LDAP_OPT_SUCCESS
		       ? LDAP_SUCCESS
		       : LDAP_OTHER;
}

/*
 * ---- a layer of the library's socket ----
 *
 * The library's own timeout does not hold in a TLS handshake: with GnuTLS it tries to read again
 * and again, for ever. So nothing is read before there is something, nor after the deadline.
 */

static int layer_setup(Sockbuf_IO_Desc *layer, void *asking)
{
	layer->sbiod_pvt = asking;
	return 0;
}

static int layer_remove(Sockbuf_IO_Desc *layer)
{
	(void)layer;
	return 0;
}

static int layer_control(Sockbuf_IO_Desc *layer, int option, void *arg)
{
	return LBER_SBIOD_CTRL_NEXT(layer, option, arg);
}

static bool becomes_ready(Sockbuf_IO_Desc *layer, short events)
{
	const struct asking *asking = layer->sbiod_pvt;
	struct pollfd wanted = { .fd = -1, .events = events };
	int64_t left;
	int ready = 0;

	ber_sockbuf_ctrl(layer->sbiod_sb, LBER_SB_OPT_GET_FD, &wanted.fd);
	do {
		left = asking->until_ms - clock_ms();
		if (left > 0)
			ready = poll(&wanted, 1, (int)left);
	} while (left > 0 && ready < 0 && errno == EINTR);
	if (left > 0 && ready > 0)
		return true;
	errno = ETIMEDOUT;
	return false;
}

static ber_slen_t layer_read(Sockbuf_IO_Desc *layer, void *bytes, ber_len_t len)
{
	return becomes_ready(layer, POLLIN) ? LBER_SBIOD_READ_NEXT(layer, bytes, len) : -1;
}

static ber_slen_t layer_write(Sockbuf_IO_Desc *layer, void *bytes, ber_len_t len)
{
	return becomes_ready(layer, POLLOUT) ? LBER_SBIOD_WRITE_NEXT(layer, bytes, len) : -1;
}

static int on_connected(LDAP *ldap, Sockbuf *socket, LDAPURLDesc *url, struct sockaddr *address,
			struct ldap_conncb *callbacks)
{
	static Sockbuf_IO in_time = {
		.sbi_setup = layer_setup,
		.sbi_remove = layer_remove,
		.sbi_ctrl = layer_control,
		.sbi_read = layer_read,
		.sbi_write = layer_write,
	};

	(void)ldap;
	(void)url;
	(void)address;
	return ber_sockbuf_add_io(socket, &in_time, LAYER_IN_TIME, callbacks->lc_arg);
}

static void on_closing(LDAP *ldap, Sockbuf *socket, struct ldap_conncb *callbacks)
{
	(void)ldap;
	(void)socket;
	(void)callbacks;
}

/* ---- connecting ---- */

/* The library of GnuTLS builds knows no reason; the one that is likely is told in any case. */
static bool refuse_connection(const struct asking *asking, int error)
{
	refuse(asking, asking->handshakes ? "cannot connect: TLS handshake failed"
					  : "cannot connect", error);
	if (asking->handshakes) {
		size_t len = strlen(asking->reason);

		snprintf(asking->reason + len, asking->cap - len,
			 "; is the certificate for this name, and by an authority in TLS_CACERT of"
			 " ldap.conf?");
	}
	return false;
}

static void on_handshake(LDAP *ldap, void *session, void *context, void *arg)
{
	struct asking *asking = arg;

	(void)ldap;
	(void)session;
	(void)context;
	asking->handshakes = true;
}

static int set_callbacks(struct asking *asking)
{
	asking->callbacks = (struct ldap_conncb){ on_connected, on_closing, asking };
	ldap_set_option(asking->ldap, LDAP_OPT_X_TLS_CONNECT_CB, (void *)on_handshake);
	ldap_set_option(asking->ldap, LDAP_OPT_X_TLS_CONNECT_ARG, asking);
	return ldap_set_option(asking->ldap, LDAP_OPT_CONNECT_CB, &asking->callbacks) ==
			       LDAP_OPT_SUCCESS
		       ? LDAP_SUCCESS
		       : LDAP_NO_MEMORY;
}

static int reach(const struct asking *asking)
{
	if (asking->question->directory->start_tls)
		return ldap_start_tls_s(asking->ldap, NULL, NULL);
	return ldap_connect(asking->ldap);
}

static bool connect_to(struct asking *asking)
{
	const struct directory *directory = asking->question->directory;
	const int version = LDAP_VERSION3;
	int error = ldap_initialize(&asking->ldap, directory->uri);

	if (error != LDAP_SUCCESS) {
		snprintf(asking->reason, asking->cap, "cannot use \"%s\": %s", directory->uri,
			 ldap_err2string(error));
		return false;
	}
	ldap_set_option(asking->ldap, LDAP_OPT_PROTOCOL_VERSION, &version);
	ldap_set_option(asking->ldap, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
	ldap_set_option(asking->ldap, LDAP_OPT_RESTART, LDAP_OPT_ON);
	error = set_callbacks(asking);
	if (error == LDAP_SUCCESS)
		error = set_times(asking);
	if (error == LDAP_SUCCESS)
		error = reach(asking);
	return error == LDAP_SUCCESS ? true : refuse_connection(asking, error);
}

/* The result of an operation; its error, or the one of waiting for it. */
static int wait_for(const struct asking *asking, int id, LDAPMessage **message)
{
	struct timeval left = time_left(asking);
	int error = LDAP_OTHER, kind = ldap_result(asking->ldap, id, LDAP_MSG_ALL, &left, message);

	if (kind == 0) {
		ldap_abandon_ext(asking->ldap, id, NULL, NULL);
		return LDAP_TIMEOUT;
	}
	if (kind < 0) {
		ldap_get_option(asking->ldap, LDAP_OPT_RESULT_CODE, &error);
		return error;
	}
	if (ldap_parse_result(asking->ldap, *message, &error, NULL, NULL, NULL, NULL, 0) !=
	    LDAP_SUCCESS)
		return LDAP_DECODING_ERROR;
	return error;
}

static int bind_as(struct asking *asking, const char *name, const char *password)
{
	struct berval secret = { strlen(password), (char *)password };
	LDAPMessage *message = NULL;
	int id, error = set_times(asking);

	if (error == LDAP_SUCCESS)
		error = ldap_sasl_bind(asking->ldap, name, LDAP_SASL_SIMPLE, &secret, NULL, NULL,
				       &id);
	if (error == LDAP_SUCCESS)
		error = wait_for(asking, id, &message);
	ldap_msgfree(message);
	return error;
}

/* The name of the one entry that the filter finds; to be freed by ldap_memfree, or NULL. */
static char *find_entry(struct asking *asking)
{
	static const int scopes[] = {
		[DIRECTORY_BASE] = LDAP_SCOPE_BASE,
		[DIRECTORY_ONE] = LDAP_SCOPE_ONELEVEL,
		[DIRECTORY_SUBTREE] = LDAP_SCOPE_SUBTREE,
	};
	const struct directory *directory = asking->question->directory;
	char none[] = LDAP_NO_ATTRS, *attributes[] = { none, NULL }, *name = NULL;
	struct timeval left = time_left(asking);
	LDAPMessage *message = NULL;
	int id, count, error;

	error = ldap_search_ext(asking->ldap, directory->base, scopes[directory->scope],
				asking->question->filter, attributes, 0, NULL, NULL, &left, 2, &id);
	if (error == LDAP_SUCCESS)
		error = wait_for(asking, id, &message);
	count = message ? ldap_count_entries(asking->ldap, message) : 0;
	if (error != LDAP_SUCCESS && error != LDAP_SIZELIMIT_EXCEEDED)
		refuse(asking, "cannot search", error);
	else if (count != 1)
		snprintf(asking->reason, asking->cap, "%s entries fit the user",
			 count ? "several" : "no");
	else
		name = ldap_get_dn(asking->ldap, ldap_first_entry(asking->ldap, message));
	ldap_msgfree(message);
	return name;
}

static bool judge(struct asking *asking, const char *name)
{
	int error = bind_as(asking, name, asking->question->password);

	return error == LDAP_SUCCESS ? true : refuse(asking, "cannot bind as the user", error);
}

static bool search_and_judge(struct asking *asking)
{
	const struct directory *directory = asking->question->directory;
	int error = bind_as(asking, directory->bind_name, directory->bind_password);
	char *name;
	bool fits;

	if (error != LDAP_SUCCESS)
		return refuse(asking, "cannot bind to search", error);
	name = find_entry(asking);
	if (!name)
		return false;
	/* An entry without a name cannot be; an empty one would bind as nobody. */
	fits = *name && judge(asking, name);
	ldap_memfree(name);
	return fits;
}

bool ask_ldap_is_there(void)
{
	return true;
}

bool ask_ldap(const struct ldap_question *question, char *reason, size_t cap)
{
	struct asking asking = { .question = question,
				 .until_ms = clock_ms() + question->timeout_ms,
				 .reason = reason,
				 .cap = cap };
	bool fits;

	assert(*question->password);
	snprintf(reason, cap, "no name to bind as");
	if (!connect_to(&asking))
		fits = false;
	else if (question->filter)
		fits = search_and_judge(&asking);
	else
		fits = *question->name && judge(&asking, question->name);
	if (asking.ldap)
		ldap_unbind_ext_s(asking.ldap, NULL, NULL);
	return fits;
}

#else

bool ask_ldap_is_there(void)
{
	return false;
}

bool ask_ldap(const struct ldap_question *question, char *reason, size_t cap)
{
	(void)question;
	snprintf(reason, cap, "this build has no LDAP");
	return false;
}

#endif
