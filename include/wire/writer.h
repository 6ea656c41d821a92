#ifndef WIRE_WRITER_H
#define WIRE_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/*
 * Appends messages to a buffer; lengths are filled in when a message ends. A buffer that
 * ran out of memory stays failed; check buffer->failed once, when all is written.
 */

/* Begins a message and gives the mark to end it with. type 0: a start-up packet (no type byte). */
size_t writer_begin(struct buffer *out, char type);
void   writer_u8(struct buffer *out, uint8_t value);
void   writer_u16(struct buffer *out, uint16_t value);
void   writer_u32(struct buffer *out, uint32_t value);
/* The text and a NUL; the text must hold no NUL. */
void   writer_text(struct buffer *out, struct slice text);
void   writer_bytes(struct buffer *out, struct slice bytes);
/* Ends the message begun at mark: sets its length. */
void   writer_end(struct buffer *out, size_t mark);
/* A message without a body: Sync, ParseComplete, CopyDone, ... */
void   writer_empty(struct buffer *out, char type);

#endif
