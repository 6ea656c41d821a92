#ifndef BASE_RESULT_H
#define BASE_RESULT_H

/*
 * The three results every function that can stop half-way returns, and the
 * attributes that make the compiler check their use.
 */

enum result {
	OK = 0, /* done */
	AGAIN,  /* more bytes or more room are needed; nothing was changed */
	BROKEN, /* it cannot be done; what a user must know is in the ending */
};

/* The caller must look at the result. */
#define MUST_USE __attribute__((warn_unused_result))
/* printf-like: FMT is the number of the format argument, ARGS of the first "...". */
#define PRINTF_LIKE(FMT, ARGS) __attribute__((format(printf, FMT, ARGS)))

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
