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

static struct binding *find_dropped(const struct conversation *conversation, struct slice text)
{
	char room[SCAN_NAME_MAX];
	struct binding *binding;
	struct slice name;

	if (!scan_deallocate(text, room, &name))
		return NULL;
	binding = names_find(&conversation->names, name);
	return binding != NULL && binding->statement != NULL ? binding : NULL;
}

/* In a failed transaction nothing is made, and the DEALLOCATE fails as it should. */
enum result request_make_dropped(struct conversation *conversation, struct backend *backend,
				 struct slice text, struct binding **dropped)
{
	char quoted[2 * SCAN_NAME_MAX + 3];
	struct buffer sql = BUFFER_EMPTY;
	enum result result;

	text.len -= text.len > 0; /* the body's NUL */
	*dropped = find_dropped(conversation, text);
	if (*dropped == NULL)
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
				  struct binding **dropped)
{
	static const char signature[] = "SELECT 1\0\0"; /* its NUL, no parameter types */
	struct slice name;

	*dropped = NULL;
	if (conversation->dropper == NULL)
		return OK;
	*dropped = find_dropped(conversation, statement_text(conversation->dropper));
	if (*dropped == NULL)
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
