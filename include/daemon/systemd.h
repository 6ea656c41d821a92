#ifndef DAEMON_SYSTEMD_H
#define DAEMON_SYSTEMD_H

/*
 * The two ways in which systemd and a service talk, without its library: states told to
 * $NOTIFY_SOCKET (sd_notify(3)) and listening sockets passed from it (sd_listen_fds(3)). Without
 * systemd nothing happens.
 */

/* The first of the sockets passed; the others follow it. */
#define SYSTEMD_FIRST_SOCKET 3

/*
 * How many sockets were passed to this very process: 0 when none or when they are for another
 * one. They are close-on-exec then and are not found a second time. To be called before the
 * process id changes, that is, before going to the background.
 */
unsigned systemd_take_sockets(void);

/* Each says how the daemon is, status being a few words for people. Never waits. */
void systemd_ready(const char *status);
void systemd_reloading(void);
void systemd_stopping(const char *status);

#endif
