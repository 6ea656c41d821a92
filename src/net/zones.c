/*
 * Watching the serial numbers of zones. Owns the zones, and while a round is under way one UDP
 * socket to one name server.
 *
 * evdns does not know this kind of question, so the messages are our own (soa.c); it only tells
 * where the name servers are. Nothing waits for an answer: the next round takes its place. An
 * answer that was forged costs a look-up, no more.
 */
#include "net/zones.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/dns.h>

#include "base/alloc.h"
#include "base/random.h"
#include "net/net_internal.h"
#include "net/soa.h"
#include "net/timer.h"

/* More are not watched. */
#define ZONES_MAX 256
/* Datagrams read in one turn. */
#define TURN_READS 64

struct zone {
	struct list_node node;
	char *name;
	unsigned names;
	uint32_t serial;
	bool known;
	bool asked; /* the question id is not answered yet */
	uint16_t id;
};

struct zones {
	struct loop *loop;
	struct evdns_base *dns;
	const struct zones_events *events;
	void *ctx;
	struct list list; /* struct zone */
	struct timer timer;
	struct span period;
	int fd; /* -1: none */
	struct event readable;
	int server;	 /* which of the name servers */
	bool was_silent; /* it answered nothing in this round */
};

static void zone_free(struct zones *zones, struct zone *zone)
{
	list_remove(&zones->list, &zone->node);
	mem_free(zone->name);
	mem_free(zone);
}

struct slice zones_of(struct slice host)
{
	const char *dot = host.len ? memchr(host.data, '.', host.len) : NULL;

	if (!dot)
		return SLICE_NONE;
	return (struct slice){ dot + 1, host.len - (size_t)(dot + 1 - host.data) };
}

static struct zone *find(struct zones *zones, struct slice name)
{
	LIST_EACH(&zones->list, node) {
		struct zone *zone = CONTAINER_OF(node, struct zone, node);

		if (slice_equal_nocase(slice_of(zone->name), name))
			return zone;
	}
	return NULL;
}

void zones_want(struct zones *zones, struct slice host)
{
	struct slice name = zones_of(host);
	char question[SOA_QUESTION_MAX];
	struct zone *zone = find(zones, name);

	if (zone) {
		zone->names++;
		return;
	}
	if (zones->list.len >= ZONES_MAX || soa_write_question(question, 0, name) == 0)
		return;
	/* Without memory it is watched from another round on. */
	zone = mem_alloc_zero(sizeof(*zone));
	if (!zone)
		return;
	zone->name = mem_copy_text(name.data, name.len);
	if (!zone->name) {
		mem_free(zone);
		return;
	}
	zone->names = 1;
	list_append(&zones->list, &zone->node);
}

/* Which zones there are is what names there are now. */
static void collect(struct zones *zones)
{
	LIST_EACH(&zones->list, node)
	CONTAINER_OF(node, struct zone, node)->names = 0;
	zones->events->on_round(zones->ctx);
	LIST_EACH(&zones->list, node) {
		struct zone *zone = CONTAINER_OF(node, struct zone, node);

		if (zone->names == 0)
			zone_free(zones, zone);
	}
}

/* ---- the socket ---- */

static void hang_up(struct zones *zones)
{
	if (zones->fd < 0)
		return;
	event_del(&zones->readable);
	close(zones->fd);
	zones->fd = -1;
}

static void take_answer(struct zones *zones, struct slice answer)
{
	LIST_EACH(&zones->list, node) {
		struct zone *zone = CONTAINER_OF(node, struct zone, node);
		uint32_t serial;
		bool changed;

		if (!zone->asked ||
		    soa_read_answer(answer, zone->id, slice_of(zone->name), &serial) != OK)
			continue;
		changed = zone->known && zone->serial != serial;
		zone->asked = zones->was_silent = false;
		zone->known = true;
		zone->serial = serial;
		if (changed)
			zones->events->on_changed(zones->ctx, slice_of(zone->name));
		return;
	}
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct zones *zones = ctx;
	char answer[SOA_ANSWER_MAX + 1];
	ssize_t n;

	(void)what;
	for (int left = TURN_READS; left > 0; left--) {
		n = recv(fd, answer, sizeof(answer), 0);
		if (n < 0 && errno == EINTR)
			continue;
		/* Nothing more, or nobody listens there: the next round sees to it. */
		if (n < 0)
			return;
		take_answer(zones, (struct slice){ answer, (size_t)n });
	}
}

/* The address of a name server; 0 when there is no such one. */
static socklen_t server_address(const struct zones *zones, struct sockaddr_storage *address)
{
	int len = evdns_base_get_nameserver_addr(zones->dns, zones->server,
						 (struct sockaddr *)address, sizeof(*address));

	return len > 0 && (size_t)len <= sizeof(*address) ? (socklen_t)len : 0;
}

static enum result call(struct zones *zones)
{
	struct sockaddr_storage address;
	socklen_t len = server_address(zones, &address);

	if (len == 0) {
		zones->server = 0;
		len = server_address(zones, &address);
	}
	if (len == 0)
		return BROKEN;
	zones->fd = socket(address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (zones->fd < 0)
		return BROKEN;
	if (connect(zones->fd, (struct sockaddr *)&address, len) == 0 &&
	    event_assign(&zones->readable, loop_base(zones->loop), zones->fd, EV_READ | EV_PERSIST,
			 on_readable, zones) == 0 &&
	    event_add(&zones->readable, NULL) == 0)
		return OK;
	close(zones->fd);
	zones->fd = -1;
	return BROKEN;
}

/* ---- rounds ---- */

static void ask(struct zones *zones, struct zone *zone)
{
	char question[SOA_QUESTION_MAX];
	size_t len;

	random_bytes(&zone->id, sizeof(zone->id));
	len = soa_write_question(question, zone->id, slice_of(zone->name));
	/* A question that is lost is asked again in the next round. */
	zone->asked = send(zones->fd, question, len, 0) == (ssize_t)len;
}

static void on_due(void *ctx)
{
	struct zones *zones = ctx;

	timer_arm_in(&zones->timer, zones->period);
	hang_up(zones);
	collect(zones);
	if (zones->list.len == 0)
		return;
	if (zones->was_silent)
		zones->server++;
	zones->was_silent = true;
	if (call(zones) != OK)
		return;
	LIST_EACH(&zones->list, node)
	ask(zones, CONTAINER_OF(node, struct zone, node));
}

void zones_set_period(struct zones *zones, struct span period)
{
	if (zones->period.us == period.us)
		return;
	zones->period = period;
	if (period.us > 0) {
		timer_arm_in(&zones->timer, period);
		return;
	}
	timer_disarm(&zones->timer);
	hang_up(zones);
	LIST_EACH(&zones->list, node)
	zone_free(zones, CONTAINER_OF(node, struct zone, node));
}

/* ---- life ---- */

struct zones *zones_new(struct loop *loop, struct evdns_base *dns,
			const struct zones_events *events, void *ctx)
{
	struct zones *zones = mem_alloc_zero(sizeof(*zones));

	if (!zones)
		return NULL;
	zones->loop = loop;
	zones->dns = dns;
	zones->events = events;
	zones->ctx = ctx;
	zones->fd = -1;
	list_init(&zones->list);
	timer_init(&zones->timer, loop, on_due, zones);
	return zones;
}

void zones_free(struct zones *zones)
{
	if (!zones)
		return;
	zones_set_period(zones, (struct span){ 0 });
	timer_release(&zones->timer);
	mem_free(zones);
}

bool zones_next(struct zones *zones, const void **cursor, struct watched_zone *found)
{
	const struct list_node *last = *cursor;
	const struct list_node *node;
	const struct zone *zone;

	if (!last && zones->period.us > 0)
		collect(zones);
	node = last ? list_next(&zones->list, last) : list_first(&zones->list);
	if (!node)
		return false;
	*cursor = node;
	zone = CONTAINER_OF(node, struct zone, node);
	*found = (struct watched_zone){ zone->name, zone->serial, zone->known, zone->names };
	return true;
}

unsigned zones_len(const struct zones *zones)
{
	return zones->list.len;
}
