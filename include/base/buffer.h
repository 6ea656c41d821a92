#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/result.h"
#include "base/text.h"

/*
 * A growable run of bytes. A failed allocation marks the buffer failed and drops
 * what was appended after; the writer checks once at the end, not at every append.
 */

struct buffer {
	char  *data;   /* owned; NULL while nothing was ever appended */
	size_t len;    /* bytes in use */
	size_t cap;    /* bytes allocated */
	bool   failed; /* an append found no memory; the contents are not to be used */
};

#define BUFFER_EMPTY ((struct buffer){ NULL, 0, 0, false })

void buffer_init(struct buffer *buffer);
/* Frees the contents; the buffer is as after buffer_init. */
void buffer_release(struct buffer *buffer);
/* Forgets the contents (and failed), keeps the memory. */
void buffer_clear(struct buffer *buffer);
void buffer_append(struct buffer *buffer, const void *data, size_t len);
void buffer_append_slice(struct buffer *buffer, struct slice text);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_append_format(struct buffer *buffer, const char *format, ...) PRINTF_LIKE(2, 3);
/* Makes room for len more bytes and gives where they go, or NULL (and failed). */
void *buffer_reserve(struct buffer *buffer, size_t len);
/* Drops len bytes from the front (len <= buffer->len). */
void buffer_drop_front(struct buffer *buffer, size_t len);

static inline struct slice buffer_slice(const struct buffer *buffer)
{
	return (struct slice){ buffer->data, buffer->failed ? 0 : buffer->len };
}

#endif
