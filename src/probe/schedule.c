/*
 * When which host is asked. Called by prober.c; owns nothing but the timer. The rules:
 *
 * - the primary (or, without one, everybody) once in probe_interval; a replica when the primary
 *   has answered, or a little later than the primary's turn when it has not;
 * - a replica that lacks the newest round again after a pause that doubles;
 * - the primary early when a read lacks a round that was not sent yet, at most every 5 ms;
 * - everybody more often while there is no primary to write to, most often in the first minute;
 * - a host in trouble at once, at most every 20 ms.
 */

#include "prober_internal.h"
#include "route/position.h"

#define ROUND_GAP_MS 5
#define HURRY_GAP_MS 20
/* A primary that takes so long to answer is alarming. Without one everybody is asked so often, */
#define ALARM_MS 200
/* but so often at first, when somebody may take its place any moment and writes wait. */
#define HASTE_MS      50
#define HASTE_SECONDS 60
/* The first pause before a replica is asked again: somebody waits for it, or nobody does. */
#define WANTED_PAUSE_MS 1
#define PAUSE_MS	10

static struct span shorter(struct span a, struct span b)
{
	return a.us < b.us ? a : b;
}

static struct moment earlier(struct moment a, struct moment b)
{
	if (moment_is_never(a) || (!moment_is_never(b) && b.us < a.us))
		return b;
	return a;
}

static struct moment later(struct moment a, struct moment b)
{
	return a.us > b.us ? a : b;
}

/* When the primary's silence becomes alarming; never: it is not silent. */
static struct moment alarm_at(const struct prober *prober)
{
	int primary = cluster_primary(prober->cluster);
	struct moment since;

	if (primary < 0 || (unsigned)primary >= prober->count)
		return MOMENT_NEVER;
	since = link_busy_since(prober->hosts[primary]->link);
	return moment_is_never(since) ? since : moment_after(since, span_ms(ALARM_MS));
}

static bool is_alarmed(const struct prober *prober, struct moment now)
{
	int primary = cluster_primary(prober->cluster);
	struct moment silent = alarm_at(prober);
	struct endpoint_facts facts;

	if (primary < 0)
		return true;
	cluster_endpoint(prober->cluster, (unsigned)primary, now, &facts);
	return facts.state == ENDPOINT_SUSPECT ||
	       (!moment_is_never(silent) && moment_reached(silent, now));
}

/* The pace of an alarm that began at prober->alarmed. */
static struct span alarm_pace(const struct prober *prober, struct moment now)
{
	bool hastes = !moment_reached(moment_after(prober->alarmed, span_seconds(HASTE_SECONDS)),
				      now);

	return span_ms(hastes ? HASTE_MS : ALARM_MS);
}

static void note_alarm(struct prober *prober, struct moment now)
{
	if (!is_alarmed(prober, now))
		prober->alarmed = MOMENT_NEVER;
	else if (moment_is_never(prober->alarmed))
		prober->alarmed = now;
}

static bool lacks_round(const struct prober *prober, const struct probed *probed,
			struct moment now)
{
	struct endpoint_facts facts;

	cluster_endpoint(prober->cluster, probed->index, now, &facts);
	return facts.role == ROLE_REPLICA && facts.reached < position_answered(prober->cluster) &&
	       (facts.state == ENDPOINT_UP || facts.state == ENDPOINT_LAGGING);
}

/* Never is not an answer: everybody is asked one day. */
static struct moment due_at(const struct prober *prober, const struct probed *probed,
			    struct moment now)
{
	bool is_primary = cluster_primary(prober->cluster) == (int)probed->index;
	struct span pace = prober->interval;
	struct moment due;

	if (moment_is_never(probed->asked))
		return now;
	if (!moment_is_never(prober->alarmed))
		pace = shorter(pace, alarm_pace(prober, now));
	else if (!is_primary)
		pace.us += pace.us / 4;
	due = moment_after(probed->asked, pace);
	if (probed->hurry)
		due = earlier(due, moment_after(probed->asked, span_ms(HURRY_GAP_MS)));
	if (probed->pause.us)
		due = earlier(due, moment_after(probed->asked, probed->pause));
	if (is_primary && position_wants_round(prober->cluster))
		due = earlier(due, moment_after(prober->round_sent, span_ms(ROUND_GAP_MS)));
	return due;
}

void schedule_run(struct prober *prober)
{
	struct moment now = loop_now(prober->loop);
	struct moment next = MOMENT_NEVER, alarm;

	if (!prober->cluster || !prober->settings)
		return;
	note_alarm(prober, now);
	for (unsigned i = 0; i < prober->count; i++) {
		struct probed *probed = prober->hosts[i];
		struct moment due;

		if (link_is_busy(probed->link))
			continue;
		due = due_at(prober, probed, now);
		if (moment_reached(due, now))
			prober_ask(prober, probed);
		else
			next = earlier(next, due);
	}
	alarm = alarm_at(prober);
	if (!moment_is_never(alarm) && !moment_reached(alarm, now))
		next = earlier(next, alarm);
	functions_run(prober);
	next = earlier(next, later(prober->book_due, moment_after(now, span_seconds(1))));
	timer_arm(&prober->timer, next);
}

/* The primary's position is known: now the replicas tell something new. */
static void ask_replicas(struct prober *prober, struct moment now)
{
	for (unsigned i = 0; i < prober->count; i++) {
		struct probed *probed = prober->hosts[i];

		if (cluster_primary(prober->cluster) == (int)i || !lacks_round(prober, probed, now))
			continue;
		probed->pause = span_ms(WANTED_PAUSE_MS);
		if (!link_is_busy(probed->link))
			prober_ask(prober, probed);
	}
}

void schedule_answered(struct prober *prober, struct probed *probed, bool answered)
{
	struct moment now = loop_now(prober->loop);
	bool wanted = position_is_wanted(prober->cluster);
	struct span first = span_ms(wanted ? WANTED_PAUSE_MS : PAUSE_MS);

	if (answered && cluster_primary(prober->cluster) == (int)probed->index) {
		probed->pause.us = 0;
		ask_replicas(prober, now);
	} else if (answered && lacks_round(prober, probed, now)) {
		probed->pause.us *= 2;
		if (probed->pause.us < first.us)
			probed->pause = first;
		probed->pause = shorter(probed->pause, prober->interval);
	} else {
		probed->pause.us = 0;
	}
}
