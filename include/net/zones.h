#ifndef NET_ZONES_H
#define NET_ZONES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/moment.h"
#include "base/text.h"
#include "net/loop.h"

/*
 * Watches the serial numbers of zones, as dns_zone_check_period asks: a question for each zone
 * in each period, to the name servers that evdns knows. One that gives no answer is asked again
 * in the next period, then another one. Owned by the resolver.
 */

struct zones;
struct evdns_base;

struct zones_events {
	/* A round begins: zones_want is to be called for each name of interest. */
	void (*on_round)(void *ctx);
	/* The serial is another one than in the round before. zone is borrowed. */
	void (*on_changed)(void *ctx, struct slice zone);
};

/* Borrows dns, events and ctx for its life. Off until zones_set_period. NULL without memory. */
struct zones *zones_new(struct loop *loop, struct evdns_base *dns,
			const struct zones_events *events, void *ctx) MUST_USE;
/* NULL is allowed. */
void zones_free(struct zones *zones);
/* 0: off, and what was known is forgotten. */
void zones_set_period(struct zones *zones, struct span period);
/* A name of interest; its zone is what follows its first dot. */
void zones_want(struct zones *zones, struct slice host);
/* The zone of a name, empty when it has none. */
struct slice zones_of(struct slice host);

struct watched_zone {
	const char *name;
	uint32_t serial;
	bool known; /* the serial was told */
	unsigned names;
};
/* Walks them, after a round's on_round: *cursor NULL begins. False at the end. */
bool zones_next(struct zones *zones, const void **cursor, struct watched_zone *found);
unsigned zones_len(const struct zones *zones);

#endif
