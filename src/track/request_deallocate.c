/*
 * DEALLOCATE name, in SQL, of a statement that was prepared by Parse: drivers mix the two. The
 * server does not know the client's name; so a statement of that name is made there just before,
 * and the client's own DEALLOCATE drops it, with PostgreSQL's own answer or error. The shared
 * copy stays for others.
 */
#include "base/map.h"
#include "sql/scan.h"
#include "track_internal.h"
#include "wire/query.h"

void request_forget_portal(struct conversation *conversation)
{
	statement_unref(conversation->dropper);
	conversation->dropper = NULL;
}

/* Two portals of one hash can confuse nobody but the client that chose their names. */
static uint64_t portal_hash(struct slice portal)
{
	return hash_bytes(portal.data, portal.len, 1);
}

void request_note_portal(struct conversation *conversation, struct slice portal,
			 struct statement *statement)
{
	char room[SCAN_NAME_MAX];
	struct slice name;
	bool drops = statement != NULL && statement_may_drop(statement);

	conversation->portal_may_drop |= drops;
	if (drops && scan_deallocate(statement_text(statement), room, &name)) {
		request_forget_portal(conversation);
		conversation->dropper = statement_ref(statement);
		conversation->dropper_portal = portal_hash(portal);
	} else if (conversation->dropper != NULL &&
		   conversation->dropper_portal == portal_hash(portal)) {
		request_forget_portal(conversation);
	}
}

bool request_drops_name(const struct conversation *conversation, const struct message *message,
			char room[SCAN_NAME_MAX], struct slice *name)
{
	struct slice text = message->body;

	if (message->type == 'E') {
		struct slice portal = { text.data, strnlen(text.data, text.len) };

		return conversation->dropper != NULL &&
		       conversation->dropper_portal == portal_hash(portal) &&
		       scan_deallocate(statement_text(conversation->dropper), room, name);
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
