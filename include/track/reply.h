#ifndef TRACK_REPLY_H
#define TRACK_REPLY_H

#include <stdbool.h>

#include "base/text.h"

/* What is to be done with one message of a server: backend_reply of track/backend.h says it. */

struct conversation;

enum reply_action {
	REPLY_FORWARD, /* the message goes to the creditor as it is */
	REPLY_SWALLOW, /* nobody gets the message */
	REPLY_REPLACE, /* the creditor gets `ahead` instead of the message */
	REPLY_RETRY, /* as SWALLOW; the creditor's turn is to be sent again: conversation_replay */
	REPLY_ELSEWHERE, /* as SWALLOW; the creditor's turn is to be sent to another server:
			    conversation_replay; what is still owed here goes to nobody */
	REPLY_REFUSED, /* the settings of the creditor were refused (the message is the server's
			  error): nobody gets it; the client is to be ended */
	REPLY_BROKEN,  /* the server breaks the protocol or memory ran out: end it */
};

/* Why a turn is to be run elsewhere. */
enum moved_why {
	MOVED_LOST,    /* the server goes away */
	MOVED_UNSENT,  /* the same, before anything was sent to it */
	MOVED_FAILED,  /* an error that the primary might not make */
	MOVED_REFUSED, /* it is no read: the server says that it does not write */
};

/* ahead and behind are the creditor's whatever the action says of the message itself. */
struct reply {
	enum reply_action action;
	struct conversation *creditor; /* who gets it; NULL = nobody */
	struct slice ahead;	       /* replies of our own that come before it, and ... */
	struct slice behind;	       /* ... after it; both valid until the next call */
	bool ready;		       /* a ReadyForQuery the creditor gets */
	bool turn_over; /* nothing is owed and no transaction is open (it may come with
			   a message that nobody gets) */
	bool fatal;	/* FATAL or PANIC: the server will close */
	enum moved_why moved; /* ELSEWHERE */
};

#endif
