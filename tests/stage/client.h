#ifndef STAGE_CLIENT_H
#define STAGE_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/list.h"

/*
 * A client that plays a script against the roster, one line a step:
 *
 *   login user=alice database=db ...   connects, starts, proves itself, is welcomed
 *   start user=alice ...               the same, but what is answered is up to the next lines
 *   welcome TimeZone=Etc/UTC           it was told so at the login
 *   > Q(SELECT 1) S                    sends
 *   < T D(1) C(SELECT) Z(I)            gets exactly this
 *   cancel NAME                        connects to cancel what the client NAME does
 *   eof / close / half                 it is closed by the other side / closes / shuts its half
 *   hold / resume                      reads no more / reads again
 *   mark WORD / await WORD             others may go on / waits for a mark of that name
 *   await asleep                       waits until somebody sleeps in the server
 *   do WORD                            the test's own (struct stage_act)
 *   wait MS                            lets time pass
 *   arm                                from here on the allocation chosen fails
 *
 * Sent: Q(text) P(name|text) B(portal|statement|value) D(S|name) D(P|name) E(portal|rows)
 * C(S|name) d(data) f(reason), S H c X. Got: see client_render. The script's end closes.
 */

struct stage;

enum client_state {
	CLIENT_ACTING,
	CLIENT_DONE,  /* the whole script was played */
	CLIENT_ENDED, /* it was told FATAL, or its connection was closed too early */
	CLIENT_WRONG, /* it was told something that cannot be true */
};

struct scram_client;

struct client {
	struct list_node node; /* in stage->clients */
	struct stage *stage;
	const char *name;
	const char *line; /* of the script, that is to be played now */
	const char *at;	  /* within a line of expectations */
	enum client_state state;
	char why[300];	  /* ENDED, WRONG */
	char sqlstate[6]; /* ENDED by an error */
	int fd;		  /* -1: not connected */
	int new_fd;	  /* the other end, to be accepted at the next turn; or -1 */
	const char *act;  /* a word of the test to be done at the next turn */
	bool arm;
	bool begun; /* the line's first half is done */
	bool held, eof, ready, has_key;
	uint8_t key[8];
	struct buffer in, out, told; /* told: "name=value\n" of the welcome */
	struct scram_client *scram;
	char user[64];
	int64_t until; /* of wait */
};

/* In the order of making they act; script is borrowed. */
struct client *client_new(struct stage *stage, const char *name, const char *script);
void client_free(struct client *client);
/* Does all it can; true when anything happened. */
bool client_step(struct client *client);

/*
 * A message as scripts write it: "D(1|null)", "E(ERROR 22012)", "S(TimeZone=UTC)", "Z(I)", "T".
 * A value of one character only, longer than 40, is "x*1000".
 */
void client_render(struct buffer *out, char type, struct slice body);

/* ---- client_messages.c ---- */

/* Writes the message that begins at **at and moves *at behind it; false: there is none. */
bool client_write(struct buffer *out, const char **at);
/* A StartupMessage of the words "name=value" of line. */
void client_write_startup(struct client *client, const char *line);
/* Answers an authentication request. */
void client_prove(struct client *client, struct slice body);

#endif
