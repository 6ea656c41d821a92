/*
 * Names to addresses through libevent's evdns, with a memory of good and bad answers. Owned by
 * the daemon; dial asks.
 *
 * A name is in the map once and asked for once however many requests wait for it. Requests are
 * always answered from the loop's end-of-turn queue. Invariant: a name with requests or with a
 * question under way is not forgotten.
 */
#include "net/resolve.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <event2/dns.h>
#include <event2/util.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/map.h"
#include "base/random.h"
#include "net/net_internal.h"
#include "net/timer.h"
#include "net/zones.h"

/* Addresses of one name that are kept; no server has more. */
#define ADDRESSES_MAX 16
/* Over so many names the memory of an unused one is given up for a new one. */
#define NAMES_MAX 1024
/* evdns has its own retries; this is the end of all patience. */
#define QUESTION_SECONDS 20

struct resolver {
	struct loop *loop;
	struct evdns_base *dns;
	struct map names;
	struct zones *zones;
	struct span ttl, negative_ttl;
	unsigned questions; /* given to evdns, callback not yet seen */
};

/* A question given to evdns. It outlives its name when that lost patience. */
struct question {
	struct resolver *resolver;
	struct name *name; /* NULL: nobody wants the answer any more */
	struct evdns_getaddrinfo_request *evdns;
};

struct name {
	struct resolver *resolver;
	char *host;		   /* owned */
	struct list requests;	   /* of struct resolve_request, by node */
	struct question *question; /* NULL: not being asked */
	struct timer patience;
	struct moment known_until; /* never: not known */
	const char *error;	   /* static text; NULL: the addresses are good */
	unsigned count;
	struct address addresses[ADDRESSES_MAX]; /* without port */
};

struct resolve_request {
	struct list_node node;
	struct loop_task task;
	struct loop *loop;
	struct name *name;	/* NULL: a numeric host, its address is: */
	struct address numeric; /* without port */
	int port;
	void (*on_answer)(void *ctx, const struct resolve_answer *answer);
	void *ctx;
};

/* ---- names ---- */

static bool name_is_idle(const struct name *name)
{
	return name->requests.len == 0 && !name->question;
}

static void name_free(struct name *name)
{
	timer_release(&name->patience);
	map_remove(&name->resolver->names, slice_of(name->host));
	mem_free(name->host);
	mem_free(name);
}

static void make_room(struct resolver *resolver)
{
	size_t cursor = 0;
	struct slice key;
	void *value;

	if (resolver->names.len < NAMES_MAX)
		return;
	while (map_next(&resolver->names, &cursor, &key, &value)) {
		if (name_is_idle(value)) {
			name_free(value);
			return;
		}
	}
}

static void on_impatient(void *ctx);

static struct name *name_new(struct resolver *resolver, const char *host)
{
	struct name *name;

	make_room(resolver);
	name = mem_alloc_zero(sizeof(*name));
	if (!name)
		return NULL;
	name->resolver = resolver;
	list_init(&name->requests);
	timer_init(&name->patience, resolver->loop, on_impatient, name);
	name->host = mem_copy_text(host, strlen(host));
	if (name->host && map_put(&resolver->names, slice_of(host), name) == OK)
		return name;
	mem_free(name->host);
	mem_free(name);
	return NULL;
}

static void name_is_answered(struct name *name, const char *error)
{
	struct resolver *resolver = name->resolver;
	struct span ttl = error ? resolver->negative_ttl : resolver->ttl;

	name->question = NULL;
	name->error = error;
	name->known_until = moment_after(loop_now(resolver->loop), ttl);
	timer_disarm(&name->patience);
	LIST_EACH(&name->requests, node)
	loop_at_end(resolver->loop, &CONTAINER_OF(node, struct resolve_request, node)->task);
}

/* ---- questions ---- */

static void take_addresses(struct name *name, const struct evutil_addrinfo *from)
{
	name->count = 0;
	for (; from && name->count < ADDRESSES_MAX; from = from->ai_next) {
		struct address *to = &name->addresses[name->count];

		if (from->ai_addrlen > sizeof(to->unix_path))
			continue;
		memset(to, 0, sizeof(*to));
		memcpy(&to->any, from->ai_addr, from->ai_addrlen);
		to->len = (socklen_t)from->ai_addrlen;
		name->count++;
	}
}

static void on_resolved(int error, struct evutil_addrinfo *found, void *ctx)
{
	struct question *question = ctx;
	struct name *name = question->name;

	question->resolver->questions--;
	mem_free(question);
	if (name) {
		take_addresses(name, error ? NULL : found);
		if (error)
			name_is_answered(name, evutil_gai_strerror(error));
		else
			name_is_answered(name, name->count ? NULL : "no address");
	}
	if (found)
		evutil_freeaddrinfo(found);
}

/* The answer is not waited for any more. */
static void question_drop(struct question *question)
{
	question->name = NULL;
	evdns_getaddrinfo_cancel(question->evdns);
}

static void on_impatient(void *ctx)
{
	struct name *name = ctx;

	if (!name->question)
		return;
	question_drop(name->question);
	name->count = 0;
	name_is_answered(name, "no answer in time");
}

/* Gives the question to evdns. BROKEN without memory. */
static enum result name_ask(struct name *name)
{
	struct evutil_addrinfo hints = { .ai_family = PF_UNSPEC,
					 .ai_socktype = SOCK_STREAM,
					 .ai_protocol = IPPROTO_TCP,
					 .ai_flags = EVUTIL_AI_ADDRCONFIG };
	struct question *question = mem_alloc_zero(sizeof(*question));
	struct evdns_getaddrinfo_request *evdns;

	if (!question)
		return BROKEN;
	*question = (struct question){ name->resolver, name, NULL };
	name->question = question;
	name->resolver->questions++;
	timer_arm_in(&name->patience, span_seconds(QUESTION_SECONDS));
	/* A name from the hosts file is answered before this returns, and the question is gone. */
	evdns = evdns_getaddrinfo(name->resolver->dns, name->host, NULL, &hints, on_resolved,
				  question);
	if (evdns)
		question->evdns = evdns;
	return OK;
}

/* RFC 6761 section 6.3: never a question for a name server. */
static bool answer_localhost(struct name *name)
{
	if (!slice_equal_nocase(slice_of(name->host), SLICE_LITERAL("localhost")))
		return false;
	name->count = 2;
	if (address_parse(SLICE_LITERAL("127.0.0.1"), 0, &name->addresses[0]) != OK ||
	    address_parse(SLICE_LITERAL("::1"), 0, &name->addresses[1]) != OK)
		name->count = 0;
	name_is_answered(name, name->count ? NULL : "no address");
	return true;
}

/* ---- requests ---- */

static void set_port(struct address *address, int port)
{
	if (address->any.sa_family == AF_INET6)
		address->v6.sin6_port = htons((uint16_t)port);
	else
		address->v4.sin_port = htons((uint16_t)port);
}

static void request_run(struct loop_task *task)
{
	struct resolve_request request = *CONTAINER_OF(task, struct resolve_request, task);
	struct address addresses[ADDRESSES_MAX];
	struct resolve_answer answer = { .addresses = addresses };

	if (request.name) {
		answer.count = request.name->count;
		answer.error = request.name->error;
		memcpy(addresses, request.name->addresses, answer.count * sizeof(*addresses));
	} else {
		answer.count = 1;
		addresses[0] = request.numeric;
	}
	for (unsigned i = 0; i < answer.count; i++)
		set_port(&addresses[i], request.port);
	resolver_cancel(CONTAINER_OF(task, struct resolve_request, task));
	request.on_answer(request.ctx, &answer);
}

/* Joins the request to its name, asking if that is not known. */
static enum result request_join(struct resolver *resolver, struct resolve_request *request,
				const char *host)
{
	struct name *name = map_get(&resolver->names, slice_of(host));
	struct moment now = loop_now(resolver->loop);

	if (!name)
		name = name_new(resolver, host);
	if (!name)
		return BROKEN;
	request->name = name;
	list_append(&name->requests, &request->node);
	if (name->question)
		return OK;
	if (!moment_is_never(name->known_until) && !moment_reached(name->known_until, now)) {
		loop_at_end(resolver->loop, &request->task);
		return OK;
	}
	if (answer_localhost(name) || name_ask(name) == OK)
		return OK;
	list_remove(&name->requests, &request->node);
	return BROKEN;
}

struct resolve_request *
resolver_ask(struct resolver *resolver, const char *host, int port,
	     void (*on_answer)(void *ctx, const struct resolve_answer *answer), void *ctx)
{
	struct resolve_request *request = mem_alloc_zero(sizeof(*request));

	if (!request)
		return NULL;
	request->loop = resolver->loop;
	request->task.run = request_run;
	request->port = port;
	request->on_answer = on_answer;
	request->ctx = ctx;
	if (address_parse(slice_of(host), 0, &request->numeric) == OK) {
		loop_at_end(resolver->loop, &request->task);
		return request;
	}
	if (request_join(resolver, request, host) == OK)
		return request;
	mem_free(request);
	return NULL;
}

void resolver_cancel(struct resolve_request *request)
{
	if (!request)
		return;
	loop_forget(request->loop, &request->task);
	if (request->name)
		list_remove(&request->name->requests, &request->node);
	mem_free(request);
}

/* ---- zones ---- */

static void on_round(void *ctx)
{
	struct resolver *resolver = ctx;
	size_t cursor = 0;
	struct slice key;
	void *value;

	while (map_next(&resolver->names, &cursor, &key, &value))
		zones_want(resolver->zones, key);
}

static void on_zone_changed(void *ctx, struct slice zone)
{
	struct resolver *resolver = ctx;
	size_t cursor = 0;
	struct slice key;
	void *value;

	log_info("zone \"%.*s\" has changed: its names are looked up anew", (int)zone.len,
		 zone.data);
	while (map_next(&resolver->names, &cursor, &key, &value))
		if (slice_equal_nocase(zones_of(key), zone))
			((struct name *)value)->known_until = MOMENT_NEVER;
}

static const struct zones_events zones_events = { on_round, on_zone_changed };

void resolver_watch_zones(struct resolver *resolver, struct span period)
{
	zones_set_period(resolver->zones, period);
}

struct zones *resolver_zones(struct resolver *resolver)
{
	return resolver->zones;
}

/* ---- life ---- */

static struct evdns_base *dns_new(struct loop *loop, const char *resolv_conf)
{
	bool given = resolv_conf && resolv_conf[0] != '\0';
	const char *path = given ? resolv_conf : "/etc/resolv.conf";
	/* Without the flag evdns would keep an event added for nothing to come. */
	struct evdns_base *dns = evdns_base_new(loop_base(loop), EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	int error;

	if (!dns)
		return NULL;
	/* Also reads the hosts file. Without a name server evdns asks one on this machine. */
	error = evdns_base_resolv_conf_parse(dns, DNS_OPTIONS_ALL, path);
	if (error)
		log_warning("cannot use \"%s\" for name look-ups (error %d)", path, error);
	/* Letters in mixed case make it harder to forge answers, but some servers mix them up. */
	evdns_base_set_option(dns, "randomize-case:", "0");
	return dns;
}

struct resolver *resolver_new(struct loop *loop, const char *resolv_conf, struct span ttl,
			      struct span negative_ttl)
{
	struct resolver *resolver = mem_alloc_zero(sizeof(*resolver));
	uint64_t seed;

	if (!resolver)
		return NULL;
	random_bytes(&seed, sizeof(seed));
	map_init(&resolver->names, seed);
	resolver->loop = loop;
	resolver->ttl = ttl;
	resolver->negative_ttl = negative_ttl;
	resolver->dns = dns_new(loop, resolv_conf);
	if (resolver->dns)
		resolver->zones = zones_new(loop, resolver->dns, &zones_events, resolver);
	if (resolver->zones)
		return resolver;
	if (resolver->dns)
		evdns_base_free(resolver->dns, 0);
	map_release(&resolver->names);
	mem_free(resolver);
	return NULL;
}

void resolver_free(struct resolver *resolver)
{
	size_t cursor;
	struct slice key;
	void *value;

	if (!resolver)
		return;
	while (cursor = 0, map_next(&resolver->names, &cursor, &key, &value)) {
		struct name *name = value;

		assert(name->requests.len == 0);
		if (name->question)
			question_drop(name->question);
		name_free(name);
	}
	zones_free(resolver->zones);
	/* evdns answers cancelled questions through the base; nothing else is left to run there. */
	for (int i = 0; i < 10 && resolver->questions > 0; i++)
		event_base_loop(loop_base(resolver->loop), EVLOOP_NONBLOCK);
	evdns_base_free(resolver->dns, 0);
	map_release(&resolver->names);
	mem_free(resolver);
}

void resolver_tune(struct resolver *resolver, struct span ttl, struct span negative_ttl)
{
	resolver->ttl = ttl;
	resolver->negative_ttl = negative_ttl;
}

bool resolver_next(struct resolver *resolver, size_t *cursor, struct resolved_name *found)
{
	struct moment now = loop_now(resolver->loop);
	const struct name *name;
	struct slice key;
	void *value;

	if (!map_next(&resolver->names, cursor, &key, &value))
		return false;
	name = value;
	*found = (struct resolved_name){ .host = name->host,
					 .addresses = name->addresses,
					 .count = name->count };
	if (!moment_is_never(name->known_until) && !moment_reached(name->known_until, now))
		found->left = moment_between(now, name->known_until);
	return true;
}

unsigned resolver_names(const struct resolver *resolver)
{
	return (unsigned)resolver->names.len;
}

unsigned resolver_pending(const struct resolver *resolver)
{
	return resolver->questions;
}
