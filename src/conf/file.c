/*
 * Whole files into memory, for the ini reader and auth_file. What is read may be secret: see
 * buffer_release_secret. Owns nothing.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/conf_internal.h"

#define PIECE	 65536
#define PATIENCE 5000 /* milliseconds a pipe may take to give its next bytes */

/* False (errno set) when nothing came in time. */
static bool wait_readable(int fd)
{
	struct pollfd wanted = { .fd = fd, .events = POLLIN };
	int ready = poll(&wanted, 1, PATIENCE);

	if (ready == 0)
		errno = ETIMEDOUT;
	return ready > 0 || (ready < 0 && errno == EINTR);
}

static enum result read_all(int fd, size_t max, struct buffer *out)
{
	for (;;) {
		char piece[PIECE];
		ssize_t got = read(fd, piece, sizeof(piece));

		if (got < 0 && (errno == EINTR || (errno == EAGAIN && wait_readable(fd))))
			continue;
		if (got <= 0) {
			explicit_bzero(piece, sizeof(piece));
			return got == 0 && !out->failed ? OK : BROKEN;
		}
		buffer_append(out, piece, (size_t)got);
		if (out->len > max || out->failed) {
			explicit_bzero(piece, sizeof(piece));
			errno = out->failed ? ENOMEM : EFBIG;
			return BROKEN;
		}
	}
}

enum result file_read(const char *path, size_t max, struct buffer *out)
{
	/* O_NONBLOCK: not to hang on a FIFO nobody writes to */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;
	enum result result;
	int reason;

	if (fd < 0)
		return BROKEN;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0 &&
	    (size_t)status.st_size <= max && !buffer_reserve(out, (size_t)status.st_size))
		errno = ENOMEM;
	result = read_all(fd, max, out);
	reason = errno;
	close(fd);
	errno = reason;
	return result;
}

void buffer_release_secret(struct buffer *buffer)
{
	if (buffer->data)
		explicit_bzero(buffer->data, buffer->cap);
	buffer_release(buffer);
}
