"""From the numbers of all runs to tables: medians, ratios to pgbouncer, the marks, markdown."""

import datetime
import json
import pathlib
import statistics

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"

TRANSACTIONS = (
    ("tps", "tps", "{:,.0f}"), ("p50 ms", "p50_ms", "{:.2f}"), ("p99 ms", "p99_ms", "{:.2f}"),
    ("CPU µs/tx", "cpu_us", "{:.2f}"), ("RSS MB", "rss_kb", "MB"))

# kind of line -> (heading, what the ratio of cost is taken of, columns: heading, number, format)
TABLES = {
    "pgbench": ("Transactions", "cpu_us", TRANSACTIONS),
    "split": ("read_write_split off and on", "cpu_us", TRANSACTIONS),
    "bulk": ("Large replies", "cpu_ms_per_gb", (
        ("MB/s", "mb_per_s", "{:,.0f}"), ("CPU ms/GB", "cpu_ms_per_gb", "{:.0f}"),
        ("RSS MB", "rss_kb", "MB"))),
    "login": ("Logins", "cpu_us", (
        ("logins/s", "logins_per_s", "{:,.0f}"), ("p50 ms", "login_p50_ms", "{:.2f}"),
        ("p99 ms", "login_p99_ms", "{:.2f}"), ("CPU µs/login", "cpu_us", "{:.1f}"),
        ("RSS MB", "rss_kb", "MB"))),
    "storm": ("Login storms, and a pgbench with 8 clients beside", "p99_ms", (
        ("tps", "tps", "{:,.0f}"), ("p50 ms", "p50_ms", "{:.2f}"), ("p99 ms", "p99_ms", "{:.2f}"),
        ("max ms", "max_ms", "{:.1f}"), ("logins/s", "logins_per_s", "{:,.0f}"),
        ("login p50 ms", "login_p50_ms", "{:.0f}"), ("p99 ms", "login_p99_ms", "{:.0f}"))),
    "idle": ("Idle clients", "kb_per_client", (
        ("KB/client", "kb_per_client", "{:.2f}"),
        ("KB/client after a query", "kb_per_client_asked", "{:.2f}"),
        ("CPU µs/login", "login_cpu_us", "{:.1f}"),
        ("CPU ms/s idle", "idle_cpu_ms_per_s", "{:.2f}"), ("RSS MB", "rss_kb", "MB"))),
}
SPEED = {"pgbench": "tps", "split": "tps", "bulk": "mb_per_s", "login": "logins_per_s",
         "storm": "login_p99_ms", "idle": None}
RATIO_HEADINGS = {"pgbench": ("tps ÷", "CPU ÷"), "split": ("tps ÷", "CPU ÷"),
                  "bulk": ("MB/s ÷", "CPU ÷"),
                  "login": ("logins/s ÷", "CPU ÷"),
                  "storm": ("login p99 ÷", "pgbench's p99 ÷"),
                  "idle": (None, "KB ÷")}


def split_rounds(rounds):
    """Marks of a few percent need more rounds than others."""
    return 3 * rounds if rounds > 1 else 1


class Result:
    """All runs of one line: rounds[i][target] is a dict of numbers, or a text saying why not."""

    def __init__(self, line, targets):
        self.line, self.targets, self.rounds = line, targets, []
        self.session_pooled = set()

    def median(self, target, number):
        values = [r[target][number] for r in self.rounds
                  if isinstance(r.get(target), dict) and r[target].get(number) is not None]
        return statistics.median(values) if values else None

    def ratio(self, target, number):
        """(median, least, most) of target's number over the rival's in the same round, or None."""
        pairs = []
        for runs in self.rounds:
            ours, theirs = runs.get(target), runs.get(self.line.rival)
            if isinstance(ours, dict) and isinstance(theirs, dict) and theirs.get(number) and \
                    ours.get(number) is not None:
                pairs.append(ours[number] / theirs[number])
        return (statistics.median(pairs), min(pairs), max(pairs)) if pairs else None

    def why_not(self, target):
        for runs in self.rounds:
            if isinstance(runs.get(target), str):
                return runs[target]
        return None


def _cell(value, form):
    if value is None:
        return "–"
    return f"{value / 1024:.1f}" if form == "MB" else form.format(value)


def _ratio_cell(ratio, with_range=False):
    if ratio is None:
        return "–"
    if with_range:
        return "{:.2f} ({:.2f}–{:.2f})".format(*ratio)
    return f"{ratio[0]:.2f}"


def table(kind, results):
    """Rows of text, the first one the headings."""
    _, cost, columns = TABLES[kind]
    speed_heading, cost_heading = RATIO_HEADINGS[kind]
    rows = [["line", "target", *(heading for heading, _, _ in columns),
             *([speed_heading] if speed_heading else []), cost_heading]]
    for result in results:
        for target in result.targets:
            row = [result.line.title if target == result.targets[0] else "",
                   target + ("†" if target in result.session_pooled else "")]
            why_not = result.why_not(target)
            if why_not is not None:
                row += ["failed" if why_not.startswith("failed") else "left out"]
                row += ["–"] * (len(rows[0]) - len(row))
                rows.append(row)
                continue
            row += [_cell(result.median(target, number), form) for _, number, form in columns]
            if speed_heading:
                row.append(_ratio_cell(result.ratio(target, SPEED[kind])))
            row.append(_ratio_cell(result.ratio(target, cost),
                                   target == result.line.measured and len(result.rounds) > 1))
            rows.append(row)
    return rows


def as_text(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) if i < 2 else cell.rjust(width)
                               for i, (cell, width) in enumerate(zip(row, widths))).rstrip()
                     for row in rows)


def _as_markdown(rows):
    lines = ["| " + " | ".join(rows[0]) + " |",
             "| --- | --- |" + " ---: |" * (len(rows[0]) - 2)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows[1:]]


def marks(results):
    """What is to be reached, and by how much a line misses it."""
    found = []
    goals = (("pgbench", "cpu_us", 1.0, "CPU per transaction at most pgbouncer's"),
             ("bulk", "cpu_ms_per_gb", 0.5, "CPU per byte of large replies at most half of "
                                            "pgbouncer's"),
             ("login", "cpu_us", 1.0, "CPU per login at most pgbouncer's"),
             ("storm", "p99_ms", 1.0, "Latency (p99) beside a login storm at most pgbouncer's"),
             ("split", "cpu_us", None, "CPU per transaction with read_write_split on at most 1.05"
                                       " (prepared) or 1.10 (others) of off"))
    for kind, number, limit, text in goals:
        ratios = [(r.line.title, r.ratio(r.line.measured, number), limit or r.line.limit)
                  for r in results if r.line.kind == kind]
        ratios = [(title, ratio[0], most) for title, ratio, most in ratios if ratio]
        if not ratios:
            continue
        missed = [f"{title}: {ratio:.2f}" for title, ratio, most in ratios if ratio > most]
        found.append(f"{text}: {len(ratios) - len(missed)} of {len(ratios)} lines"
                     + ("; not on " + "; ".join(missed) if missed else ""))
    for result in results:
        ours, theirs = (result.median(target, "kb_per_client")
                        for target in (result.line.measured, result.line.rival))
        if result.line.kind == "idle" and ours is not None:
            found.append(f"Memory of an idle logged-in client: {ours:.2f} KB; pgbouncer "
                         + _cell(theirs, "{:.2f} KB"))
    return found


def reasons(results):
    """(line, target, text) of all that failed or was left out."""
    return [(r.line, target, r.why_not(target)) for r in results for target in r.targets
            if r.why_not(target) is not None]


def notes(rounds, seconds, pool_size, scale):
    return [
        f"Medians of {rounds} round{'s' if rounds > 1 else ''}. In each round every target had "
        "its turn, forwards and backwards alternately; ratios (÷) are to pgbouncer, the median "
        "of the ratios of the same round, in parentheses the smallest and largest.",
        f"Lines with one client have {2 * rounds - 1} rounds of half the time, because their cost "
        "depends much on which cores the scheduler puts the processes on.",
        f"A pgbench run counts for {seconds:g} s, after all its clients are connected and warm; "
        "throughput and latencies are those of its transaction log in that time. pgbench, pooler "
        "and PostgreSQL share the cores, all connections are TCP on the loopback interface.",
        "CPU is the pooler process's own (user and kernel, all threads), from its CPU clock.",
        f"Both poolers: pool_mode = transaction, {pool_size} servers, trust, no logging of "
        "connections, otherwise their defaults. haproxy: TCP mode, one thread. direct and "
        "haproxy have one server connection for each client.",
        "† pgbouncer 1.18 has no prepared statements in transaction mode; here it pools "
        "sessions, with as many servers as clients.",
        "TPC-B-like, prepared, has no more clients than servers: pgbench prepares with blocking "
        "calls inside transactions and would wait for itself.",
        "\"connect each time\" is pgbench -C: log in, one transaction, leave; its latencies are "
        "those of the transaction alone, its throughput and CPU include the login.",
        "TLS is 1.3 with AES-256-GCM and an ECDSA certificate (P-256); on both sides means that "
        "the pooler verifies the server's certificate and name, too. With SCRAM the poolers know "
        "the verifier only.",
        "A login storm's clients log in all at once, leave when all are in, and come again; "
        "its clients and the pgbench beside them share the cores with the pooler.",
        "read_write_split: with it on, the entry is a primary and its replica; with it off, only "
        "the host where all of the line's transactions belong, so that the same server does the "
        "same work. All clients are at the same kind of work; a run of which less than 98 % went "
        f"where it belongs does not count. These lines have {split_rounds(rounds)} rounds of half "
        "the time. BEGIN, SELECT, COMMIT needs one round trip less with it on: BEGIN waits for "
        "the first statement.",
        "KB/client is the growth of resident memory by the logged-in clients; kernel socket "
        "buffers are not in it.",
        f"PostgreSQL: pgbench scale {scale}, all in memory, fsync and autovacuum off.",
    ]


def markdown(results, machine_lines, versions, note_lines, when):
    lines = [f"Measured on {when:%Y-%m-%d} with `make bench`.", ""]
    lines += [f"- {text}" for text in machine_lines + [", ".join(versions)]] + [""]
    for text in marks(results):
        lines.append(f"- {text}.")
    for kind, (heading, _, _) in TABLES.items():
        of_kind = [r for r in results if r.line.kind == kind]
        if of_kind:
            lines += ["", f"### {heading}", ""] + _as_markdown(table(kind, of_kind))
            why = [f"{target}: {text}" for _, target, text in reasons(of_kind)]
            lines += [""] * bool(why) + [f"- {text}" for text in dict.fromkeys(why)]
    return "\n".join(lines + ["", "### How to read this", ""] + [f"- {t}" for t in note_lines])


def as_json(results, machine_lines, versions, when):
    return json.dumps({
        "date": f"{when:%Y-%m-%d}", "machine": machine_lines, "versions": versions,
        "lines": [{"name": r.line.name, "title": r.line.title, "kind": r.line.kind,
                   "session_pooled": sorted(r.session_pooled), "rounds": r.rounds}
                  for r in results]}, indent=1, ensure_ascii=False)


def write(path, text, data):
    """text between the markers of an old file, or as a new file; data beside it."""
    path = pathlib.Path(path)
    section = f"{BEGIN}\n{text}\n{END}"
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    if BEGIN in old and END in old:
        before, _, rest = old.partition(BEGIN)
        new = before + section + rest.partition(END)[2]
    else:
        new = f"# Performance\n\n{section}\n"
    path.write_text(new, encoding="utf-8")
    path.with_suffix(".json").write_text(data + "\n", encoding="utf-8")


def today():
    return datetime.date.today()
