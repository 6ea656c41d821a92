/* How clients write what scripts say, and read what they get. */
#include "stage/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/derivation.h"
#include "auth/md5.h"
#include "auth/scram_client.h"
#include "stage/stage.h"
#include "wire/notice.h"
#include "wire/query.h"
#include "wire/reader.h"
#include "wire/result.h"
#include "wire/sasl.h"
#include "wire/startup.h"
#include "wire/writer.h"

#define MAX_ARGUMENTS 4

/* ---- writing ---- */

static void write_parse(struct buffer *out, const struct slice *argument)
{
	size_t mark = writer_begin(out, 'P');

	writer_text(out, argument[0]);
	writer_text(out, argument[1]);
	writer_u16(out, 0);
	writer_end(out, mark);
}

static void write_bind(struct buffer *out, const struct slice *argument)
{
	size_t mark = writer_begin(out, 'B');

	writer_text(out, argument[0]);
	writer_text(out, argument[1]);
	writer_u16(out, 0);
	writer_u16(out, argument[2].len ? 1 : 0);
	if (argument[2].len) {
		writer_u32(out, (uint32_t)argument[2].len);
		writer_bytes(out, argument[2]);
	}
	writer_u16(out, 0);
	writer_end(out, mark);
}

static void write_other(struct buffer *out, char type, const struct slice *argument)
{
	size_t mark = writer_begin(out, type);

	if (type == 'E') {
		writer_text(out, argument[0]);
		writer_u32(out, argument[1].len ? (uint32_t)atoi(argument[1].data) : 0);
	} else if (type == 'd') {
		writer_bytes(out, argument[0]);
	} else if (type == 'f') {
		writer_text(out, argument[0]);
	}
	writer_end(out, mark);
}

static void write_message(struct buffer *out, char type, const struct slice *argument)
{
	switch (type) {
	case 'Q': query_write_query(out, argument[0]); return;
	case 'P': write_parse(out, argument); return;
	case 'B': write_bind(out, argument); return;
	case 'D':
	case 'C': query_write_target(out, type, argument[0].data[0], argument[1]); return;
	default: write_other(out, type, argument);
	}
}

bool client_write(struct buffer *out, const char **at)
{
	struct slice argument[MAX_ARGUMENTS] = { { "", 0 }, { "", 0 }, { "", 0 }, { "", 0 } };
	struct slice inside = SLICE_NONE;
	const char *end;
	char type;

	*at += strspn(*at, " ");
	if (**at == '\n' || **at == '\0')
		return false;
	type = *(*at)++;
	if (**at == '(') {
		end = strchr(*at, ')');
		inside = (struct slice){ *at + 1, (size_t)(end - *at - 1) };
		*at = end + 1;
	}
	for (int i = 0; i < MAX_ARGUMENTS && inside.data; i++)
		if (!slice_next_field(&inside, '|', &argument[i]))
			break;
	write_message(out, type, argument);
	return true;
}

void client_write_startup(struct client *client, const char *line)
{
	size_t mark = startup_write_begin(&client->out, 3 << 16);

	while (*line && *line != '\n') {
		size_t len = strcspn(line, " \n");
		const char *equals = memchr(line, '=', len);

		if (equals) {
			struct slice name = { line, (size_t)(equals - line) };
			struct slice value = { equals + 1, len - name.len - 1 };

			startup_write_pair(&client->out, name, value);
			if (slice_equal(name, SLICE_LITERAL("user")))
				snprintf(client->user, sizeof(client->user), "%.*s", (int)value.len,
					 value.data);
		}
		line += len;
		line += *line == ' ';
	}
	startup_write_end(&client->out, mark);
}

/* ---- proving ---- */

static void begin_scram(struct client *client)
{
	const uint8_t nonce[SCRAM_NONCE_LEN] = "nonce of client";
	struct scram_channel none = { SCRAM_BINDING_NONE, SLICE_NONE };
	struct buffer first = BUFFER_EMPTY;

	scram_client_free(client->scram);
	client->scram = scram_client_new(none);
	if (scram_client_first(client->scram, false, nonce, &first) == OK)
		sasl_write_initial(&client->out, SLICE_LITERAL(SCRAM_MECHANISM),
				   buffer_slice(&first));
	buffer_release(&first);
}

/* Derived once for each recipe that follows another. */
static const struct scram_keys *client_keys(const char *password, const struct scram_recipe *recipe)
{
	static struct scram_keys keys;
	static char known[64];

	if (strcmp(known, password) == 0 && scram_recipe_equal(&keys.recipe, recipe))
		return &keys;
	if (derive_keys(slice_of(password), recipe, &keys) != OK)
		abort();
	snprintf(known, sizeof(known), "%s", password);
	return &keys;
}

static enum result go_on_scram(struct client *client, struct slice data)
{
	struct scram_recipe recipe;
	struct buffer final = BUFFER_EMPTY;
	enum result result;

	if (!client->scram || scram_client_challenge(client->scram, data, &recipe) != OK)
		return BROKEN;
	result = scram_client_final(client->scram, client_keys(client->stage->password, &recipe),
				    &final);
	sasl_write_response(&client->out, buffer_slice(&final));
	buffer_release(&final);
	return result;
}

void client_prove(struct client *client, struct slice body)
{
	struct slice password = slice_of(client->stage->password);
	struct secret secret = secret_of(password);
	enum result result = OK;
	struct auth_view view;
	char answer[MD5_TEXT_LEN + 1];

	if (sasl_read_request(body, &view) != OK)
		view.request = AUTH_REQUEST_GSS;
	switch (view.request) {
	case AUTH_REQUEST_OK: return;
	case AUTH_REQUEST_CLEARTEXT: sasl_write_password(&client->out, password); return;
	case AUTH_REQUEST_MD5:
		result = md5_answer(&secret, slice_of(client->user),
				    (const uint8_t *)view.data.data, answer);
		sasl_write_password(&client->out, slice_of(answer));
		break;
	case AUTH_REQUEST_SASL: begin_scram(client); return;
	case AUTH_REQUEST_SASL_CONTINUE: result = go_on_scram(client, view.data); break;
	case AUTH_REQUEST_SASL_FINAL:
		result = client->scram ? scram_client_finish(client->scram, view.data) : BROKEN;
		break;
	default: result = BROKEN;
	}
	if (result == OK)
		return;
	client->state = CLIENT_WRONG;
	snprintf(client->why, sizeof(client->why), "a wrong step of authentication");
}

/* ---- reading ---- */

static void render_value(struct buffer *out, struct slice value)
{
	bool same = value.len > 40;

	for (size_t i = 1; i < value.len && same; i++)
		same = value.data[i] == value.data[0];
	if (same)
		buffer_append_format(out, "%c*%zu", value.data[0], value.len);
	else
		buffer_append_slice(out, value);
}

static void render_row(struct buffer *out, struct slice body)
{
	struct reader reader;
	unsigned count;

	reader_init(&reader, body);
	count = reader_u16(&reader);
	for (unsigned i = 0; i < count; i++) {
		int32_t len = reader_i32(&reader);

		if (i > 0)
			buffer_append_text(out, "|");
		if (len < 0)
			buffer_append_text(out, "null");
		else
			render_value(out, reader_bytes(&reader, (size_t)len));
	}
	if (reader_end(&reader) != OK)
		buffer_append_text(out, "|malformed");
}

static void render_notice(struct buffer *out, struct slice body)
{
	struct notice_view view;

	if (notice_read(body, &view) != OK) {
		buffer_append_text(out, "malformed");
		return;
	}
	buffer_append_slice(out, view.severity);
	buffer_append_text(out, " ");
	buffer_append_slice(out, view.sqlstate);
}

static void render_body(struct buffer *out, char type, struct slice body)
{
	struct slice name, value;
	char status;

	switch (type) {
	case 'D': render_row(out, body); return;
	case 'E':
	case 'N': render_notice(out, body); return;
	case 'd': render_value(out, body); return;
	case 'C':
		if (result_read_tag(body, &value) == OK)
			buffer_append_slice(out, value);
		return;
	case 'Z':
		if (result_read_ready(body, &status) == OK)
			buffer_append(out, &status, 1);
		return;
	case 'S':
		if (result_read_parameter(body, &name, &value) != OK)
			return;
		buffer_append_slice(out, name);
		buffer_append_text(out, "=");
		buffer_append_slice(out, value);
		return;
	default: return;
	}
}

void client_render(struct buffer *out, char type, struct slice body)
{
	buffer_append(out, &type, 1);
	if (!strchr("DENdCZS", type))
		return;
	buffer_append_text(out, "(");
	render_body(out, type, body);
	buffer_append_text(out, ")");
}
