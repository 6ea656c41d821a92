/*
 * SHOW DNS_HOSTS and SHOW DNS_ZONES: what is known of names. Owns nothing.
 */

#include "admin/show_internal.h"
#include "net/resolve.h"
#include "net/zones.h"

static enum result put_host(struct table *table, const struct resolved_name *name)
{
	struct buffer list = BUFFER_EMPTY;
	char text[48];

	for (unsigned i = 0; i < name->count; i++) {
		buffer_append_text(&list, i ? "," : "");
		buffer_append_text(&list, address_host(&name->addresses[i], text, sizeof(text)));
	}
	table_row(table);
	table_text(table, name->host);
	table_number(table, name->left.us / 1000000);
	table_slice(table, list.len ? buffer_slice(&list) : SLICE_LITERAL(""));
	table_row_end(table);
	if (list.failed)
		return BROKEN;
	buffer_release(&list);
	return OK;
}

static enum result hosts_rows(struct admin *admin, struct table *table)
{
	struct resolved_name name;
	size_t cursor = 0;

	while (resolver_next(admin->resolver, &cursor, &name))
		if (put_host(table, &name) != OK)
			return BROKEN;
	return OK;
}

static const struct result_column hosts_columns[] = {
	TEXT("hostname"),
	INT8("ttl"),
	TEXT("addrs"),
};

const struct show show_dns_hosts = {
	.name = "DNS_HOSTS",
	.help = "Host names that were looked up: seconds until they are looked up again, and their "
		"addresses.",
	COLUMNS(hosts_columns),
	.rows = hosts_rows,
};

static enum result zones_rows(struct admin *admin, struct table *table)
{
	struct zones *zones = resolver_zones(admin->resolver);
	const void *cursor = NULL;
	struct watched_zone zone;

	while (zones_next(zones, &cursor, &zone)) {
		table_row(table);
		table_text(table, zone.name);
		table_number(table, zone.known ? (int64_t)zone.serial : 0);
		table_number(table, zone.names);
		table_row_end(table);
	}
	return OK;
}

static const struct result_column zones_columns[] = {
	TEXT("zonename"),
	INT8("serial"),
	INT4("count"),
};

const struct show show_dns_zones = {
	.name = "DNS_ZONES",
	.help = "Zones of the names looked up, while dns_zone_check_period is set: the serial "
		"number seen last, 0 before the first, and how many names are in it.",
	COLUMNS(zones_columns),
	.rows = zones_rows,
};
