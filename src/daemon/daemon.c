/*
 * The root: builds every part in order, runs the loop, takes all down in reverse. Owns
 * everything that is not owned by one of its parts. What is built stands in a table of steps,
 * so that a start that fails half-way undoes exactly what was done.
 */

#include "daemon/daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <openssl/crypto.h>

#include "admin/steering.h"
#include "base/alloc.h"
#include "base/log.h"
#include "base/network.h"
#include "base/random.h"
#include "conf/load.h"
#include "daemon/clusters.h"
#include "daemon/daemon_internal.h"
#include "daemon/differences.h"
#include "daemon/process.h"
#include "daemon/rule_check.h"
#include "daemon/systemd.h"
#include "daemon/takeover.h"
#include "net/ask_ldap.h"
#include "net/ask_pam.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/resolve.h"
#include "pool/pools.h"
#include "session/handover.h"
#include "session/roster.h"
#include "track/statements.h"
#include "track/vars.h"

/*
 * What PostgreSQL reports of a session's settings and clients rely on (docs, "Asynchronous
 * Operations"); search_path is among them from version 18 on.
 */
static const char *const tracked_parameters[] = {
	"client_encoding",  "DateStyle",   "TimeZone", "standard_conforming_strings",
	"application_name", "search_path", "default_transaction_read_only",
};

/* ---- leaving ---- */

static void look_whether_to_leave(struct daemon *daemon)
{
	if (daemon->leaving == LEAVING_FOR_SERVERS && pools_is_drained(daemon->pools, NULL))
		log_info("server connections dropped, exiting");
	else if (daemon->leaving == LEAVING_FOR_CLIENTS && roster_clients(daemon->roster) == 0)
		log_info("client connections dropped, exiting");
	else
		return;
	daemon->leaving = LEAVING_NOW;
	loop_stop(daemon->loop);
}

void daemon_leave(struct daemon *daemon, enum leaving leaving)
{
	/* In the middle of a suspension there is nothing to wait for. */
	if (leaving == LEAVING_NOW || daemon->leaving == LEAVING_NOW ||
	    admin_steering(daemon->admin)->state == STEERING_SUSPENDED) {
		daemon->leaving = LEAVING_NOW;
		loop_stop(daemon->loop);
		return;
	}
	daemon->leaving = leaving;
	systemd_stopping(leaving == LEAVING_FOR_SERVERS ? "Waiting for servers to be released"
							: "Waiting for clients to leave");
	listeners_close_tcp(&daemon->listeners);
	steering_shut_down(admin_steering(daemon->admin));
	roster_shut_down(daemon->roster);
	if (leaving == LEAVING_FOR_SERVERS)
		pools_shut_down(daemon->pools);
	look_whether_to_leave(daemon);
}

/* From pools and roster: servers or sessions ended. */
static void on_change(void *context)
{
	struct daemon *daemon = context;

	admin_check_waits(daemon->admin);
	look_whether_to_leave(daemon);
}

/* ---- what the console asks for ---- */

static enum result action_reload(void *context)
{
	return daemon_reload(context);
}

static enum result action_set(void *context, struct slice key, struct slice value)
{
	return daemon_set(context, key, value);
}

static void action_shut_down(void *context, enum shutdown how)
{
	static const enum leaving leavings[] = {
		[SHUTDOWN_NOW] = LEAVING_NOW,
		[SHUTDOWN_WAIT_FOR_SERVERS] = LEAVING_FOR_SERVERS,
		[SHUTDOWN_WAIT_FOR_CLIENTS] = LEAVING_FOR_CLIENTS,
	};

	daemon_leave(context, leavings[how]);
}

static void action_hand_over(void *context)
{
	struct daemon *daemon = context;
	unsigned count = handover_let_go(daemon->roster);

	log_info("another process has taken over with %u clients, %u stay until they leave", count,
		 roster_clients(daemon->roster));
	listeners_give_up(&daemon->listeners);
	/* The successor needs the room on the servers. */
	pools_reconnect(daemon->pools, NULL);
	(void)admin_resume(daemon->admin);
	daemon_leave(daemon, LEAVING_FOR_CLIENTS);
}

static void action_each_listener(void *context,
				 void (*each)(void *ctx, int fd, const struct address *address),
				 void *each_ctx)
{
	struct daemon *daemon = context;

	for (size_t i = 0; i < daemon->listeners.count; i++)
		each(each_ctx, listener_fd(daemon->listeners.items[i]),
		     listener_address(daemon->listeners.items[i]));
}

static void action_suspend_listeners(void *context, bool suspended)
{
	struct daemon *daemon = context;

	listeners_suspend(&daemon->listeners, suspended);
}

static enum result action_errand(void *context, struct database *database, unsigned host,
				 const char *sql, struct span timeout,
				 void (*on_answer)(void *ctx, const char *value, const char *error),
				 void *ctx)
{
	struct daemon *daemon = context;

	return clusters_run(daemon->clusters, database, host, sql, timeout, on_answer, ctx);
}

static const char *action_host_error(void *context, const struct database *database, unsigned host)
{
	struct daemon *daemon = context;

	return clusters_error(daemon->clusters, database, host);
}

/* ---- building and taking down ---- */

static enum result build_varsets(struct daemon *daemon)
{
	struct slice rest = slice_of(daemon->settings->track_extra_parameters), name;
	uint64_t seed;

	random_bytes(&seed, sizeof(seed));
	daemon->varsets = varset_store_new(seed);
	if (!daemon->varsets)
		return BROKEN;
	for (size_t i = 0; i < COUNT_OF(tracked_parameters); i++)
		if (varset_store_track(daemon->varsets, slice_of(tracked_parameters[i])) != OK)
			return BROKEN;
	while (slice_next_field(&rest, ',', &name))
		if (name.len && varset_store_track(daemon->varsets, name) != OK)
			return BROKEN;
	return OK;
}

static enum result build_pools(struct daemon *daemon)
{
	struct pools_options options = { .loop = daemon->loop,
					 .resolver = daemon->resolver,
					 .statements = daemon->statements,
					 .varsets = daemon->varsets,
					 .settings = daemon->settings };

	daemon->pools = pools_new(&options);
	return daemon->pools ? OK : BROKEN;
}

static enum result build_roster(struct daemon *daemon)
{
	struct roster_options options = { .loop = daemon->loop,
					  .pools = daemon->pools,
					  .statements = daemon->statements,
					  .varsets = daemon->varsets,
					  .settings = daemon->settings };

	daemon->roster = roster_new(&options);
	return daemon->roster ? OK : BROKEN;
}

static enum result build_clusters(struct daemon *daemon)
{
	struct clusters_options options = { .loop = daemon->loop,
					    .resolver = daemon->resolver,
					    .pools = daemon->pools,
					    .settings = daemon->settings };

	daemon->clusters = clusters_new(&options);
	return daemon->clusters ? OK : BROKEN;
}

static enum result build_admin(struct daemon *daemon)
{
	struct admin_options options = { .loop = daemon->loop,
					 .pools = daemon->pools,
					 .roster = daemon->roster,
					 .resolver = daemon->resolver,
					 .settings = daemon->settings,
					 .actions = &daemon->actions,
					 .product = PRODUCT,
					 .version = PRODUCT_VERSION };

	daemon->actions = (struct admin_actions){ .ctx = daemon,
						  .reload = action_reload,
						  .set = action_set,
						  .shut_down = action_shut_down,
						  .hand_over = action_hand_over,
						  .each_listener = action_each_listener,
						  .suspend_listeners = action_suspend_listeners,
						  .errand = action_errand,
						  .host_error = action_host_error };
	daemon->admin = admin_new(&options);
	return daemon->admin ? OK : BROKEN;
}

static enum result build(struct daemon *daemon)
{
	const struct settings *settings = daemon->settings;
	uint64_t seed;

	random_bytes(&seed, sizeof(seed));
	daemon->loop = loop_new();
	if (!daemon->loop)
		return BROKEN;
	daemon->resolver = resolver_new(daemon->loop, settings->resolv_conf, settings->dns_max_ttl,
					settings->dns_nxdomain_ttl);
	daemon->statements = statement_store_new(seed);
	if (!daemon->resolver || !daemon->statements || build_varsets(daemon) != OK ||
	    build_pools(daemon) != OK || build_clusters(daemon) != OK ||
	    build_roster(daemon) != OK || build_admin(daemon) != OK)
		return BROKEN;
	resolver_watch_zones(daemon->resolver, settings->dns_zone_check_period);
	pools_set_tls(daemon->pools, daemon->tls.side[TLS_WITH_SERVERS]);
	roster_set_tls(daemon->roster, daemon->tls.side[TLS_WITH_CLIENTS]);
	pools_watch(daemon->pools, on_change, daemon);
	roster_watch(daemon->roster, on_change, daemon);
	return OK;
}

struct last_turn {
	struct loop_task task;
	struct loop *loop;
};

static void stop_loop(struct loop_task *task)
{
	loop_stop(CONTAINER_OF(task, struct last_turn, task)->loop);
}

/* Streams and sessions that were closed are freed by the reaper, at the end of a turn. */
static void run_one_turn(struct loop *loop)
{
	struct last_turn last = { .task = { .run = stop_loop }, .loop = loop };

	loop_next_turn(loop, &last.task);
	loop_run(loop);
}

static void take_down(struct daemon *daemon)
{
	if (daemon->pools)
		pools_watch(daemon->pools, NULL, NULL);
	listeners_close(&daemon->listeners);
	takeover_free(daemon->takeover);
	if (daemon->roster) {
		roster_watch(daemon->roster, NULL, NULL);
		roster_end_all(daemon->roster, END_DAEMON_EXIT);
		run_one_turn(daemon->loop);
	}
	roster_free(daemon->roster);
	admin_free(daemon->admin);
	clusters_free(daemon->clusters);
	pools_free(daemon->pools);
	resolver_free(daemon->resolver);
	if (daemon->loop) {
		signals_close(daemon);
		run_one_turn(daemon->loop);
	}
	varset_store_free(daemon->varsets);
	statement_store_free(daemon->statements);
	loop_free(daemon->loop);
	if (daemon->has_pidfile)
		pidfile_remove(daemon->settings->pidfile);
	tls_pair_clear(&daemon->tls);
	settings_unref(daemon->settings);
	libevent_global_shutdown();
}

/* ---- starting ---- */

static enum result load_settings(struct daemon *daemon)
{
	struct complaints complaints;

	complaints_init(&complaints);
	daemon->settings = settings_load(daemon->arguments->file, NULL, &complaints);
	log_complaints(&complaints);
	complaints_release(&complaints);
	if (daemon->settings)
		return OK;
	log_fatal("cannot load config file");
	return BROKEN;
}

/* When nobody is there to take over from, we start as usual. */
static enum result begin_takeover(struct daemon *daemon)
{
	if (daemon->passed_sockets) {
		log_fatal("an online restart (-R) is not possible with sockets of systemd");
		return BROKEN;
	}
	log_warning("online restart (-R) is deprecated, use so_reuseport instead");
	if (!*daemon->settings->unix_socket_dir) {
		log_fatal("an online restart (-R) needs unix_socket_dir");
		return BROKEN;
	}
	if (network_list_has(slice_of(daemon->settings->proxy_protocol_from), NULL, 0)) {
		log_fatal("an online restart (-R) is not possible while proxy_protocol_from names "
			  "unix");
		return BROKEN;
	}
	daemon->takeover = takeover_begin(daemon->settings);
	daemon->listeners.takeover = daemon->takeover;
	return OK;
}

/* Until the old process has let go, it can go on if we cannot. */
static enum result finish_takeover(struct daemon *daemon)
{
	if (takeover_finish(daemon->takeover) != OK) {
		log_fatal("the old process does not let go, cannot take over");
		return BROKEN;
	}
	listeners_own_files(&daemon->listeners);
	takeover_clients(daemon->takeover, daemon->roster);
	daemon->listeners.takeover = NULL;
	takeover_free(daemon->takeover);
	daemon->takeover = NULL;
	return pidfile_replace(daemon->settings->pidfile);
}

/* Everything that has to be done before there are threads, events or clients. */
static enum result become_a_daemon(struct daemon *daemon)
{
	const struct arguments *arguments = daemon->arguments;
	const struct settings *settings = daemon->settings;

	if (process_change_user(arguments->user ? arguments->user : settings->user) != OK ||
	    process_refuse_root() != OK)
		return BROKEN;
	if (open_log(daemon, settings) != OK) {
		log_fatal("cannot open log file \"%s\": %s", settings->logfile, strerror(errno));
		return BROKEN;
	}
	if (arguments->background && !*settings->pidfile) {
		log_fatal("daemon needs pidfile configured");
		return BROKEN;
	}
	if (arguments->reboot && begin_takeover(daemon) != OK)
		return BROKEN;
	if (!daemon->takeover && pidfile_check(settings->pidfile) != OK)
		return BROKEN;
	if (arguments->background && process_go_to_background() != OK)
		return BROKEN;
	daemon->in_background = arguments->background;
	process_set_name(settings->job_name);
	process_raise_limits(settings);
	return OK;
}

static void on_accept(void *context, int fd, const struct address *peer)
{
	struct daemon *daemon = context;

	roster_accept(daemon->roster, fd, peer);
}

static enum result open_listeners(struct daemon *daemon)
{
	if (daemon->passed_sockets)
		return listeners_adopt(&daemon->listeners, daemon->loop, daemon->settings,
				       daemon->passed_sockets, on_accept, daemon);
	return listeners_open(&daemon->listeners, daemon->loop, daemon->settings, on_accept,
			      daemon);
}

static enum result start(struct daemon *daemon)
{
	daemon->passed_sockets = systemd_take_sockets();
	/* Keys may be readable before the user is changed only. */
	if (load_settings(daemon) != OK ||
	    tls_pair_read(&daemon->tls, daemon->settings, &(struct tls_pair){ { NULL, NULL } }) !=
		    OK ||
	    become_a_daemon(daemon) != OK)
		return BROKEN;
	if (build(daemon) != OK) {
		log_fatal("out of memory");
		return BROKEN;
	}
	if (signals_open(daemon) != OK || open_listeners(daemon) != OK ||
	    (daemon->takeover ? finish_takeover(daemon)
			      : pidfile_write(daemon->settings->pidfile)) != OK)
		return BROKEN;
	daemon->has_pidfile = true;
	log_info("process up: %s, libevent %s (%s), adns: evdns, tls: %s", PRODUCT,
		 event_get_version(), event_base_get_method(loop_base(daemon->loop)),
		 OpenSSL_version(OPENSSL_VERSION));
	process_report();
	systemd_ready("Serving clients");
	return OK;
}

int daemon_run(const struct arguments *arguments)
{
	struct daemon daemon = { .arguments = arguments };
	int code = EXIT_FAILURE;

	signals_hold();
	if (start(&daemon) == OK) {
		loop_run(daemon.loop);
		systemd_stopping("Closing what is open");
		code = EXIT_SUCCESS;
	}
	take_down(&daemon);
	return code;
}

int daemon_check(const char *file)
{
	struct complaints complaints;
	const struct settings *settings;
	bool fine;

	complaints_init(&complaints);
	settings = settings_load(file, NULL, &complaints);
	if (settings)
		rules_check(settings, &complaints);
	for (size_t i = 0; i < complaints.count; i++)
		fprintf(stderr, "%s: %s\n",
			complaints.items[i].severity == COMPLAINT_ERROR ? "error" : "warning",
			complaints.items[i].text);
	if (complaints.dropped)
		fprintf(stderr, "%zu more complaints are not shown\n", complaints.dropped);
	fine = settings && !complaints_has_errors(&complaints);
	if (fine)
		printf("%s: configuration is valid\n", file);
	if (settings && settings_is_pgbouncers(settings))
		differences_print(settings, stdout);
	complaints_release(&complaints);
	settings_unref(settings);
	return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}

void daemon_print_version(FILE *out)
{
	fprintf(out, "%s\nlibevent %s\nadns: evdns\ntls: %s\nsystemd: yes\npam: %s\nldap: %s\n",
		PRODUCT, event_get_version(), OpenSSL_version(OPENSSL_VERSION),
		ask_pam_is_there() ? "yes" : "no", ask_ldap_is_there() ? "yes" : "no");
}
