/*
 * DEALLOCATE name, in SQL, of a statement that was prepared by Parse: drivers mix the two. The
 * server does not know the client's name; so a statement of that name is made there just before,
 * and the client's own DEALLOCATE drops it, with PostgreSQL's own answer or error. The shared
 * copy stays for others.
 */
#include "base/alloc.h"
#include "sql/scan.h"
#include "track_internal.h"
#include "wire/query.h"

void request_note_portal(struct conversation *conversation, struct slice portal,
			 struct statement *statement)
{
	char room[SCAN_NAME_MAX];
	struct slice name;
	bool drops = statement != NULL && statement_may_drop(statement);

	conversation->portal_may_drop |= drops;
	if (drops && portal.len < sizeof(conversation->dropper_portal) &&
	    scan_deallocate(statement_text(statement), room, &name)) {
		statement_unref(conversation->dropper);
		conversation->dropper = statement_ref(statement);
		memcpy(conversation->dropper_portal, portal.data, portal.len);
		conversation->dropper_portal[portal.len] = '\0';
	} else if (slice_equal(portal, slice_of(conversation->dropper_portal))) {
		statement_unref(conversation->dropper);
		conversation->dropper = NULL;
	}
}

bool request_drops_name(const struct conversation *conversation, const struct message *message,
			char room[SCAN_NAME_MAX], struct slice *name)
{
	struct slice text = message->body;

	if (message->type == 'E') {
		struct slice portal = { text.data, strnlen(text.data, text.len) };

		if (conversation->dropper == NULL ||
		    !slice_equal(portal, slice_of(conversation->dropper_portal)))
			return false;
		return scan_deallocate(statement_text(conversation->dropper), room, name);
	}
	text.len -= text.len > 0; /* the body's NUL */
	return message->type == 'Q' && message_is_whole(message) &&
	       scan_deallocate(text, room, name);
}

static struct binding *find_dropped(const struct conversation *conversation,
				    const struct message *message)
{
	char room[SCAN_NAME_MAX];
	struct slice name;

	if (!request_drops_name(conversation, message, room, &name))
		return NULL;
	return names_find(&conversation->names, name);
}

/* In a failed transaction nothing is made, and the DEALLOCATE fails as it should. */
enum result request_make_dropped(struct conversation *conversation, struct backend *backend,
				 const struct message *message, struct binding **dropped)
{
	char quoted[2 * SCAN_NAME_MAX + 3];
	struct buffer sql = BUFFER_EMPTY;
	enum result result;

	*dropped = find_dropped(conversation, message);
	/* One too long to be kept is there already. */
	if (*dropped == NULL || (*dropped)->statement == NULL)
		return OK;
	buffer_append_text(&sql, "PREPARE ");
	buffer_append(&sql, quoted,
		      text_quote_identifier(binding_name(*dropped), quoted, sizeof(quoted)));
	buffer_append_text(&sql, " AS SELECT 1");
	result = sql.failed ? BROKEN
			    : backend_write_query(backend, buffer_slice(&sql), &backend->before);
	buffer_release(&sql);
	return result;
}

enum result request_bring_dropped(struct conversation *conversation, struct backend *backend,
				  const struct message *message, struct binding **dropped)
{
	static const char signature[] = "SELECT 1\0\0"; /* its NUL, no parameter types */
	struct slice name;

	*dropped = find_dropped(conversation, message);
	/* One too long to be kept is there already. */
	if (*dropped == NULL || (*dropped)->statement == NULL)
		return OK;
	if (conversation_owe(conversation, backend, DEBT_CLOSE, FATE_SWALLOW) == NULL ||
	    conversation_owe(conversation, backend, DEBT_PARSE, FATE_SWALLOW) == NULL)
		return BROKEN;
	name = binding_name(*dropped);
	query_write_target(&backend->before, 'C', 'S', name);
	query_write_parse(&backend->before, name, (struct slice){ signature, sizeof(signature) });
	return OK;
}

void request_take_dropped(struct conversation *conversation, struct debt *debt,
			  struct binding *dropped)
{
	if (dropped == NULL)
		return;
	names_take(&conversation->names, dropped);
	debt->binding = dropped;
	conversation->last_close = debt->request;
}
