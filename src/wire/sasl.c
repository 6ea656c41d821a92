/*
 * Authentication* messages and the answers to them, both ways (PostgreSQL docs, "Message
 * Formats" and "SASL Authentication"). What the data means is auth's business.
 *
 * Owns nothing; views borrow the body. Passwords and proofs pass through here: whoever owns
 * the buffers wipes them.
 */

#include "wire/sasl.h"
#include "wire/reader.h"
#include "wire/writer.h"

#define MD5_SALT_LEN 4

/* True when this many bytes behind the request number can be right. */
static bool data_fits(uint32_t request, size_t len)
{
	switch (request) {
	case AUTH_REQUEST_OK:
	case AUTH_REQUEST_KERBEROS_V5:
	case AUTH_REQUEST_CLEARTEXT:
	case AUTH_REQUEST_GSS:
	case AUTH_REQUEST_SSPI: return len == 0;
	case AUTH_REQUEST_MD5: return len == MD5_SALT_LEN;
	default: return true;
	}
}

enum result sasl_read_request(struct slice body, struct auth_view *view)
{
	struct reader reader;

	reader_init(&reader, body);
	view->request = reader_u32(&reader);
	view->data = reader_rest(&reader);
	if (reader_ok(&reader) != OK || !data_fits(view->request, view->data.len))
		return BROKEN;
	return OK;
}

enum result sasl_next_mechanism(struct slice *list, struct slice *mechanism)
{
	struct reader reader;
	struct slice name;

	reader_init(&reader, *list);
	name = reader_text(&reader);
	if (reader_ok(&reader) != OK)
		return BROKEN;
	if (name.len == 0)
		return reader_end(&reader) == OK ? AGAIN : BROKEN;
	*mechanism = name;
	*list = reader_rest(&reader);
	return OK;
}

void sasl_write_request(struct buffer *out, enum auth_request request, struct slice data)
{
	size_t mark = writer_begin(out, 'R');

	writer_u32(out, (uint32_t)request);
	writer_bytes(out, data);
	writer_end(out, mark);
}

void sasl_write_mechanisms(struct buffer *out, const struct slice *names, unsigned count)
{
	size_t mark = writer_begin(out, 'R');

	writer_u32(out, AUTH_REQUEST_SASL);
	for (unsigned i = 0; i < count; i++)
		writer_text(out, names[i]);
	writer_u8(out, 0);
	writer_end(out, mark);
}

enum result sasl_read_password(struct slice body, struct slice *password)
{
	struct reader reader;

	reader_init(&reader, body);
	*password = reader_text(&reader);
	return reader_end(&reader);
}

enum result sasl_read_initial(struct slice body, struct slice *mechanism, struct slice *data)
{
	struct reader reader;
	int32_t len;

	reader_init(&reader, body);
	*mechanism = reader_text(&reader);
	len = reader_i32(&reader);
	*data = SLICE_NONE;
	if (len < -1)
		return BROKEN;
	if (len >= 0)
		*data = reader_bytes(&reader, (size_t)len);
	return reader_end(&reader);
}

void sasl_write_password(struct buffer *out, struct slice password)
{
	size_t mark = writer_begin(out, 'p');

	writer_text(out, password);
	writer_end(out, mark);
}

void sasl_write_initial(struct buffer *out, struct slice mechanism, struct slice data)
{
	size_t mark = writer_begin(out, 'p');

	writer_text(out, mechanism);
	writer_u32(out, data.data ? (uint32_t)data.len : UINT32_MAX);
	writer_bytes(out, data);
	writer_end(out, mark);
}

void sasl_write_response(struct buffer *out, struct slice data)
{
	size_t mark = writer_begin(out, 'p');

	writer_bytes(out, data);
	writer_end(out, mark);
}
