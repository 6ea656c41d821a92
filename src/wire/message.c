/*
 * The table of protocol messages: what each type byte means on each side, how much of it must
 * be at hand and how long it may be (PostgreSQL docs, "Message Formats", protocol 3.0 to 3.2).
 *
 * Read by frame.c for each message and by whoever wants a name for a log line. Constant.
 */

#include <stddef.h>

#include "wire/message.h"
#include "wire/wire_internal.h"

/* PostgreSQL's own bounds, less the length word: PQ_SMALL_MESSAGE_LIMIT, PG_MAX_AUTH_TOKEN_LENGTH.
 */
#define SMALL_LEN      9996
#define AUTH_TOKEN_LEN 65535

/* pid and the longest cancel key of protocol 3.2 */
#define KEY_DATA_LEN (4 + 256)

#define ANY MESSAGE_ANY_LEN

#define ROW(type_byte, type_name, how_much, longest)                                               \
	[type_byte] = { .type = type_byte,                                                         \
			.name = type_name,                                                         \
			.gather = GATHER_##how_much,                                               \
			.max_len = longest }

const struct message_rule wire_rules[2][256] = {
	[SIDE_CLIENT] = {
		ROW('B', "Bind", HEAD, ANY),
		ROW('C', "Close", WHOLE, SMALL_LEN),
		ROW('D', "Describe", WHOLE, SMALL_LEN),
		ROW('E', "Execute", WHOLE, SMALL_LEN),
		ROW('F', "FunctionCall", NONE, ANY),
		ROW('H', "Flush", WHOLE, 0),
		ROW('P', "Parse", WHOLE, ANY),
		ROW('Q', "Query", WHOLE, ANY),
		ROW('S', "Sync", WHOLE, 0),
		ROW('X', "Terminate", WHOLE, 0),
		ROW('c', "CopyDone", WHOLE, 0),
		ROW('d', "CopyData", NONE, ANY),
		ROW('f', "CopyFail", WHOLE, ANY),
		ROW('p', "PasswordMessage", WHOLE, AUTH_TOKEN_LEN),
	},
	[SIDE_SERVER] = {
		ROW('1', "ParseComplete", WHOLE, 0),
		ROW('2', "BindComplete", WHOLE, 0),
		ROW('3', "CloseComplete", WHOLE, 0),
		ROW('A', "NotificationResponse", WHOLE, ANY),
		ROW('C', "CommandComplete", WHOLE, SMALL_LEN),
		ROW('D', "DataRow", NONE, ANY),
		ROW('E', "ErrorResponse", WHOLE, ANY),
		ROW('G', "CopyInResponse", WHOLE, ANY),
		ROW('H', "CopyOutResponse", WHOLE, ANY),
		ROW('I', "EmptyQueryResponse", WHOLE, 0),
		ROW('K', "BackendKeyData", WHOLE, KEY_DATA_LEN),
		ROW('N', "NoticeResponse", WHOLE, ANY),
		ROW('R', "Authentication", WHOLE, AUTH_TOKEN_LEN),
		ROW('S', "ParameterStatus", WHOLE, ANY),
		ROW('T', "RowDescription", NONE, ANY),
		ROW('V', "FunctionCallResponse", NONE, ANY),
		ROW('W', "CopyBothResponse", WHOLE, ANY),
		ROW('Z', "ReadyForQuery", WHOLE, 1),
		ROW('c', "CopyDone", WHOLE, 0),
		ROW('d', "CopyData", NONE, ANY),
		ROW('n', "NoData", WHOLE, 0),
		ROW('s', "PortalSuspended", WHOLE, 0),
		ROW('t', "ParameterDescription", NONE, ANY),
		ROW('v', "NegotiateProtocolVersion", WHOLE, SMALL_LEN),
	},
};

const struct message_rule *message_rule(enum side side, char type)
{
	const struct message_rule *rule = &wire_rules[side][(unsigned char)type];

	return rule->name ? rule : NULL;
}
