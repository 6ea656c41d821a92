/*
 * SASLprep (RFC 4013) of a password, through libidn, with the exceptions PostgreSQL makes
 * (its src/common/saslprep.c documents them): a password that the profile cannot take is used
 * as it is, so that any bytes can be a password.
 *
 * Called by derivation.c. Owns nothing between calls.
 */
#include "auth/auth_internal.h"

#include <stringprep.h>

#include "base/alloc.h"

/* U+FDFA, 3 bytes of UTF-8, becomes 33 under NFKC: the longest that any character grows. */
#define GROWTH_MAX 11
/* Beyond it nobody types; preparing costs far more than hashing. */
#define PREPARED_MAX 1024

static bool is_ascii(struct slice text)
{
	unsigned char all = 0;

	for (size_t i = 0; i < text.len; i++)
		all |= (unsigned char)text.data[i];
	return all < 0x80;
}

static bool profile_applies(struct slice password)
{
	return password.len <= PREPARED_MAX && !is_ascii(password) &&
	       !memchr(password.data, '\0', password.len) && text_is_utf8(password);
}

static enum result take_raw(struct slice password, struct prepared *prepared)
{
	prepared->cap = password.len + 1;
	prepared->len = password.len;
	prepared->data = mem_copy_text(password.data, password.len);
	return prepared->data ? OK : BROKEN;
}

enum result saslprep(struct slice password, struct prepared *prepared)
{
	int outcome;

	if (!profile_applies(password))
		return take_raw(password, prepared);
	prepared->cap = password.len * GROWTH_MAX + 1;
	prepared->data = mem_alloc_zero(prepared->cap);
	if (!prepared->data)
		return BROKEN;
	memcpy(prepared->data, password.data, password.len);
	outcome = stringprep(prepared->data, prepared->cap, STRINGPREP_NO_UNASSIGNED,
			     stringprep_saslprep);
	prepared->len = outcome == STRINGPREP_OK ? strlen(prepared->data) : 0;
	if (prepared->len > 0)
		return OK;
	prepared_release(prepared);
	return outcome == STRINGPREP_MALLOC_ERROR ? BROKEN : take_raw(password, prepared);
}

void prepared_release(struct prepared *prepared)
{
	mem_free_secret(prepared->data, prepared->cap);
	*prepared = (struct prepared){ NULL, 0, 0 };
}
