#ifndef NET_SOA_H
#define NET_SOA_H

#include <stddef.h>
#include <stdint.h>

#include "base/result.h"
#include "base/text.h"

/*
 * The two DNS messages it takes to ask for a zone's serial number (RFC 1035 sections 3.3.13 and
 * 4.1). Nothing is sent here; a question has an id, and only the answer that has it, too, and
 * the same question, counts.
 */

/* A header, the longest name, type and class. */
#define SOA_QUESTION_MAX 272
/* What is taken of an answer: without extensions, a datagram has no more. */
#define SOA_ANSWER_MAX 512

/* Gives the length; 0: zone is no name. */
size_t soa_write_question(char out[SOA_QUESTION_MAX], uint16_t id, struct slice zone);
/*
 * OK: the serial, of the zone itself or of the one it is part of. AGAIN: it is the answer, but
 * tells no serial. BROKEN: it is not the answer to this question, or malformed.
 */
enum result soa_read_answer(struct slice answer, uint16_t id, struct slice zone,
			    uint32_t *serial) MUST_USE;

#endif
