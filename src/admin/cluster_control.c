/*
 * DRAIN and UNDRAIN: takes a host out of every cluster it is in, for work on it, and back.
 */

#include "admin/admin_internal.h"
#include "base/log.h"
#include "pool/database.h"
#include "pool/pools.h"
#include "route/cluster.h"
#include "session/session.h"

bool endpoint_is_named(const struct endpoint_facts *facts, const char *words)
{
	struct slice name = facts->host, text = slice_of(words);
	int64_t port;

	if (slice_equal(text, name))
		return true;
	/* An IPv6 address with a port stands in brackets. */
	if (text.len > 2 && text.data[0] == '[' && text.len > name.len + 2 &&
	    text.data[name.len + 1] == ']') {
		text.data++;
		text.len--;
		if (!slice_starts_with(text, name))
			return false;
		text.data += name.len + 1;
		text.len -= name.len + 1;
	} else if (slice_starts_with(text, name)) {
		text.data += name.len;
		text.len -= name.len;
	} else {
		return false;
	}
	if (text.len < 2 || text.data[0] != ':')
		return false;
	text.data++;
	text.len--;
	return text_to_int64(text, &port) == OK && port == facts->port;
}

static unsigned drain_in(struct database *database, const char *words, bool drained,
			 struct moment now)
{
	struct cluster *cluster = database_cluster(database);
	unsigned found = 0;

	for (unsigned i = 0; cluster && i < cluster_options(cluster)->count; i++) {
		struct cluster_change change;
		struct endpoint_facts facts;

		cluster_endpoint(cluster, i, now, &facts);
		if (!endpoint_is_named(&facts, words))
			continue;
		change = cluster_drain(cluster, i, drained);
		database_cluster_changed(database, &change);
		found++;
	}
	return found;
}

static enum outcome drain(struct request *request, bool drained)
{
	struct admin *admin = request->visit->admin;
	struct database *database = NULL;
	unsigned found = 0;

	if (!request->line->has_subject)
		return reply_error(request, "08P01", "a host is required");
	while ((database = pools_next_database(admin->pools, database)))
		found += drain_in(database, request->line->subject, drained,
				  loop_now(admin->loop));
	if (!found)
		return reply_refuse(request, "no such host in any cluster: %s",
				    request->line->subject);
	log_line(LEVEL_LOG, session_prefix(request->visit->session), "%s %s issued",
		 request->line->verb, request->line->subject);
	return reply_done(request, drained ? "DRAIN" : "UNDRAIN");
}

enum outcome control_drain(struct request *request)
{
	return drain(request, true);
}

enum outcome control_undrain(struct request *request)
{
	return drain(request, false);
}
