/*
 * A growable run of bytes. Owns its memory; used by everyone who puts text or messages
 * together. Invariants: len <= cap; data is NULL exactly while cap is 0; once failed,
 * nothing is appended until the next clear.
 */
#include "base/buffer.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "base/alloc.h"

#define FIRST_CAP 64

void buffer_init(struct buffer *buffer)
{
	*buffer = BUFFER_EMPTY;
}

void buffer_release(struct buffer *buffer)
{
	mem_free(buffer->data);
	*buffer = BUFFER_EMPTY;
}

void buffer_clear(struct buffer *buffer)
{
	buffer->len = 0;
	buffer->failed = false;
}

/* Kept out of line so that an append that fits stays a handful of instructions. */
static __attribute__((noinline)) bool grow(struct buffer *buffer, size_t len)
{
	size_t cap = buffer->cap ? buffer->cap : FIRST_CAP;
	size_t need;
	char *data;

	if (buffer->failed || len > SIZE_MAX / 4 - buffer->len) {
		buffer->failed = true;
		return false;
	}
	need = buffer->len + len;
	while (cap < need)
		cap *= 2;
	data = mem_realloc(buffer->data, cap);
	if (!data) {
		buffer->failed = true;
		return false;
	}
	buffer->data = data;
	buffer->cap = cap;
	return true;
}

static inline bool has_room(struct buffer *buffer, size_t len)
{
	if (__builtin_expect(len <= buffer->cap - buffer->len && !buffer->failed, 1))
		return true;
	return grow(buffer, len);
}

void buffer_append(struct buffer *buffer, const void *data, size_t len)
{
	if (len == 0 || !has_room(buffer, len))
		return;
	memcpy(buffer->data + buffer->len, data, len);
	buffer->len += len;
}

void buffer_append_slice(struct buffer *buffer, struct slice text)
{
	buffer_append(buffer, text.data, text.len);
}

void buffer_append_text(struct buffer *buffer, const char *text)
{
	buffer_append(buffer, text, strlen(text));
}

void buffer_append_format(struct buffer *buffer, const char *format, ...)
{
	va_list args;
	size_t room = buffer->cap - buffer->len;
	int len;

	if (buffer->failed)
		return;
	va_start(args, format);
	len = vsnprintf(buffer->data ? buffer->data + buffer->len : NULL, room, format, args);
	va_end(args);
	if (len < 0) {
		buffer->failed = true;
		return;
	}
	if ((size_t)len >= room) {
		if (!grow(buffer, (size_t)len + 1))
			return;
		va_start(args, format);
		len = vsnprintf(buffer->data + buffer->len, (size_t)len + 1, format, args);
		va_end(args);
	}
	buffer->len += (size_t)len;
}

void *buffer_reserve(struct buffer *buffer, size_t len)
{
	/* A place must exist even for no bytes, because NULL means failed. */
	if (!has_room(buffer, len) || (!buffer->data && !grow(buffer, 1)))
		return NULL;
	return buffer->data + buffer->len;
}

void buffer_drop_front(struct buffer *buffer, size_t len)
{
	assert(len <= buffer->len);
	buffer->len -= len;
	if (len > 0 && buffer->len > 0)
		memmove(buffer->data, buffer->data + len, buffer->len);
}
