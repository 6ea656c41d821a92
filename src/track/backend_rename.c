/*
 * Errors that name a shared statement: the client must read the name it gave, not the one the
 * statement has on servers.
 */
#include "track_internal.h"
#include "wire/writer.h"

/* Where name begins in text, not as part of a longer one; the text's end if nowhere. */
static const char *find_name(struct slice text, struct slice name)
{
	const char *end = text.data + text.len;
	const char *at = text.data;

	while ((at = memmem(at, (size_t)(end - at), name.data, name.len)) != NULL) {
		const char *after = at + name.len;

		if (after == end || *after < '0' || *after > '9')
			return at;
		at = after;
	}
	return end;
}

/* The name the creditor used, even if it has closed it since, in a request not answered yet. */
static const struct binding *used_binding(const struct backend *backend, const struct debt *debt)
{
	const struct binding *binding;

	binding = names_find_request(&debt->creditor->names, debt->used_name);
	for (unsigned i = 0; binding == NULL && i < backend->ledger.len; i++) {
		const struct debt *later = ledger_at(&backend->ledger, i);

		if (later->kind == DEBT_CLOSE && later->creditor == debt->creditor &&
		    later->binding != NULL && later->binding->request == debt->used_name)
			binding = later->binding;
	}
	return binding;
}

bool backend_write_renamed(struct backend *backend, const struct debt *debt,
			   const struct message *message)
{
	const struct binding *binding;
	struct slice name = statement_name(debt->uses);
	struct slice rest = message->body;
	const char *at = find_name(rest, name);
	size_t mark;

	if (debt->creditor == NULL || !message_is_whole(message) || at == rest.data + rest.len)
		return false;
	binding = used_binding(backend, debt);
	if (binding == NULL)
		return false;
	mark = writer_begin(&backend->own, message->type);
	while (at < rest.data + rest.len) {
		size_t len = (size_t)(at - rest.data);

		writer_bytes(&backend->own, (struct slice){ rest.data, len });
		writer_bytes(&backend->own, binding_name(binding));
		rest.data += len + name.len;
		rest.len -= len + name.len;
		at = find_name(rest, name);
	}
	writer_bytes(&backend->own, rest);
	writer_end(&backend->own, mark);
	return true;
}
