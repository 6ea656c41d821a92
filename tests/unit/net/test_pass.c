/* Descriptors over a Unix socket. */

#include "net/pass.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

TEST(a_descriptor_comes_with_its_bytes)
{
	int ends[2], pipes[2], fd = -1;
	char got[32] = "", read_back[8] = "";

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 && pipe(pipes) == 0);
	CHECK(pass_send(ends[0], SLICE_LITERAL("first"), -1, span_seconds(1)) == OK);
	CHECK(pass_send(ends[0], SLICE_LITERAL("second"), pipes[1], span_seconds(1)) == OK);
	CHECK(pass_send(ends[0], SLICE_LITERAL("third"), -1, span_seconds(1)) == OK);
	/* What came before may come along, what comes after does not. */
	CHECK_INT_EQ(pass_receive(ends[1], got, sizeof(got), &fd, span_seconds(1)), 11);
	REQUIRE(fd >= 0);
	CHECK(fd != pipes[1] && (fcntl(fd, F_GETFD) & FD_CLOEXEC));
	CHECK(write(fd, "through", 7) == 7 && read(pipes[0], read_back, 7) == 7);
	CHECK_TEXT_EQ(read_back, "through");
	close(fd);
	CHECK_INT_EQ(pass_receive(ends[1], got, sizeof(got), &fd, span_seconds(1)), 5);
	CHECK_INT_EQ(fd, -1);
	close(ends[0]);
	CHECK_INT_EQ(pass_receive(ends[1], got, sizeof(got), &fd, span_seconds(1)), 0);
	CHECK(pass_send(ends[1], SLICE_LITERAL("x"), -1, span_seconds(1)) == BROKEN);
	close(ends[1]);
	close(pipes[0]);
	close(pipes[1]);
}

TEST(nobody_is_waited_for_for_ever)
{
	static char large[1 << 22];
	int ends[2], fd;
	char got[1];

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	CHECK_INT_EQ(pass_receive(ends[1], got, 1, &fd, span_ms(20)), -1);
	CHECK_INT_EQ(errno, ETIMEDOUT);
	CHECK(pass_send(ends[0], (struct slice){ large, sizeof(large) }, -1, span_ms(20)) ==
	      BROKEN);
	CHECK_INT_EQ(errno, ETIMEDOUT);
	close(ends[0]);
	close(ends[1]);
}
