/*
 * Which message of a server may answer which request (PostgreSQL docs, "Message Flow"), and the
 * short way for the answers that change nothing but that their debt is settled: most of them.
 * Called by the server's pump for every message, and by backend_reply.c, which does the rest.
 */
#include "track_internal.h"
#include "wire/result.h"

/* By type: one is looked for with every reply. Of types that answer nothing `belongs` is 0. */
static const struct reply_rule rules[128] = {
	['1'] = { BIT(DEBT_PARSE), BIT(DEBT_PARSE), true },
	['2'] = { BIT(DEBT_BIND), BIT(DEBT_BIND), true },
	['3'] = { BIT(DEBT_CLOSE), BIT(DEBT_CLOSE), true },
	['t'] = { BIT(DEBT_DESCRIBE), 0, false },
	['T'] = { BIT(DEBT_DESCRIBE) | RESULTS, BIT(DEBT_DESCRIBE), true },
	['n'] = { BIT(DEBT_DESCRIBE), BIT(DEBT_DESCRIBE), true },
	['D'] = { RESULTS, 0, false },
	['C'] = { RESULTS, BIT(DEBT_EXECUTE), true },
	['I'] = { RESULTS, BIT(DEBT_EXECUTE), true },
	['s'] = { BIT(DEBT_EXECUTE), BIT(DEBT_EXECUTE), true },
	['V'] = { BIT(DEBT_FUNCTION), 0, false },
	['G'] = { RESULTS, 0, false },
	['H'] = { RESULTS, 0, false },
	['W'] = { RESULTS, 0, false },
	['d'] = { RESULTS, 0, false },
	['c'] = { RESULTS, 0, false },
	['Z'] = { ENDS, ENDS, false },
};

const struct reply_rule *reply_rule_of(char type)
{
	unsigned i = (unsigned char)type;

	return i < COUNT_OF(rules) && rules[i].belongs != 0 ? &rules[i] : NULL;
}

/* A tag that on_tag has nothing to learn from. */
static bool is_plain_tag(const struct backend *backend, const struct message *message)
{
	return backend->copy == COPY_NONE && backend->copy_syncs == 0 && message->body.len > 0 &&
	       message->body.data[0] != 'D';
}

/*
 * What on_answer would do with the answers to requests of the client's own while nothing of ours
 * and no COPY is about.
 */
bool backend_passes(struct backend *backend, const struct message *message,
		    struct conversation **creditor)
{
	const struct reply_rule *rule = reply_rule_of(message->type);
	struct ledger *ledger = &backend->ledger;
	struct debt *head = ledger_head(ledger);

	if (rule == NULL || !rule->plain || head == NULL || head->fate != FATE_FORWARD ||
	    head->creditor == NULL || (rule->belongs & BIT(head->kind)) == 0 ||
	    backend->held.len > 0 || backend->held.failed || backend->stray_syncs > 0 ||
	    backend->guarded)
		return false;
	if (message->type == 'C' && !is_plain_tag(backend, message))
		return false;
	*creditor = head->creditor;
	if ((rule->settles & BIT(head->kind)) == 0) {
		head->answered |= message->type != 'T';
	} else {
		if (ledger->len > 1 && debt_is_ours(ledger_at(ledger, 1)))
			return false;
		backend_settle(backend);
	}
	backend->told = true;
	return true;
}

bool backend_rows_flow(struct backend *backend, struct conversation **creditor)
{
	struct debt *head = ledger_head(&backend->ledger);

	if (head == NULL || (BIT(head->kind) & RESULTS) == 0 || head->fate != FATE_FORWARD ||
	    backend->guarded)
		return false;
	*creditor = head->creditor;
	backend->told = true;
	return true;
}

/* What on_answer would do with the ReadyForQuery that ends all that the server owes. */
bool backend_ends_turn(struct backend *backend, const struct message *message, struct reply *reply)
{
	const struct debt *head = ledger_head(&backend->ledger);
	char status;

	if (head == NULL || backend->ledger.len != 1 || (BIT(head->kind) & ENDS) == 0 ||
	    head->fate != FATE_FORWARD || head->creditor == NULL || head->had != NULL ||
	    backend->held.len > 0 || backend->held.failed || backend->stray_syncs > 0 ||
	    backend->guarded || result_read_ready(message->body, &status) != OK)
		return false;
	reply->creditor = head->creditor;
	backend_settle(backend);
	backend->status = status;
	backend->copy = COPY_NONE;
	backend->copy_syncs = 0;
	backend_end_turn(backend);
	reply->ready = true;
	reply->turn_over = backend_is_clean(backend);
	return true;
}
