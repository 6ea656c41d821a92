/*
 * The header of the PROXY protocol. Whatever comes in pieces is taken for the same as in one; a
 * header is never longer than the limit, and what was refused stays refused.
 */

#include "fuzz.h"
#include "wire/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = { (const char *)data, size };
	struct proxy_header whole, part;
	enum result result = proxy_read(input, &whole);
	size_t most = size < PROXY_MAX_LEN + 1 ? size : PROXY_MAX_LEN + 1;

	if (result == AGAIN)
		CHECK(size < PROXY_MAX_LEN);
	if (result == OK) {
		CHECK(whole.len > 0 && whole.len <= size && whole.len <= PROXY_MAX_LEN);
		CHECK(whole.address_len == 0 || whole.address_len == 4 || whole.address_len == 16);
	}
	for (size_t len = 0; len < most; len++) {
		enum result cut = proxy_read((struct slice){ input.data, len }, &part);

		if (cut == AGAIN)
			continue;
		/* Decided once, decided for good. */
		CHECK(cut == result);
		CHECK(cut == BROKEN || (part.len == whole.len && len >= part.len &&
					part.address_len == whole.address_len));
		break;
	}
	return 0;
}
