"""make bench: see run.sh for what can be set."""

import os
import re
import shutil
import signal
import sys
import time

import loads
import machine
import report
import split
from machine import BenchError
from rawclient import ServerError


class Plan:
    """What the environment asks for."""

    def __init__(self, env):
        self.quick = env.get("BENCH_QUICK", "0") not in ("", "0")
        self.seconds = float(env.get("BENCH_SECONDS") or (1 if self.quick else 3))
        self.rounds = int(env.get("BENCH_ROUNDS") or (1 if self.quick else 5))
        self.targets = (env.get("BENCH_TARGETS") or " ".join(machine.TARGETS)).split()
        self.out = env.get("BENCH_OUT")
        unknown = [name for name in self.targets if name not in machine.TARGETS]
        if unknown:
            raise BenchError(f"BENCH_TARGETS: there is no {unknown[0]}, only "
                             + " ".join(machine.TARGETS))
        if self.seconds <= 0 or self.rounds < 1:
            raise BenchError("BENCH_SECONDS and BENCH_ROUNDS must be more than nothing")
        wanted = env.get("BENCH_LINES") or ""
        lines = loads.all_lines(self.seconds, self.quick)
        if loads.Line.measured in self.targets:
            lines += split.all_lines(self.seconds, self.quick)
        if wanted == "?":
            raise SystemExit("\n".join(line.name for line in lines))
        self.lines = [line for line in lines if re.search(wanted, line.name)]
        if not self.lines:
            raise BenchError(f"BENCH_LINES: no line is called like \"{wanted}\"")


def tell(text, end="\n"):
    print(text, end=end, file=sys.stderr, flush=True)


class Ground:
    """Servers and the targets before them; started when the first line needs them."""

    def __init__(self, postgres, targets):
        self.postgres, self.targets, self.started = postgres, targets, False

    def start(self):
        if not self.started:
            self.started = True
            self.postgres.start()

    def stop(self):
        if self.started:
            self.postgres.stop()


def run_once(line, target, postgres):
    """Numbers of one run on a target started for it alone, or a text saying why there are none."""
    why_not = line.leaves_out(target)
    if why_not:
        return why_not
    try:
        line.prepare(postgres)
        postgres.be_quiet()
        target.start(line.setup(target))
        return line.run(target)
    except (BenchError, ServerError, OSError) as problem:
        reason = f"failed: {problem}{target.last_words()}"
        tell(f"\n  {line.name}, {target.name}: {reason}")
        return reason
    finally:
        target.stop()


def run_line(line, plan, ground):
    ground.start()
    targets = ground.targets
    result = report.Result(line, [t.name for t in targets])
    result.session_pooled = {t.name for t in targets if line.setup(t).session_size}
    tell(f"{line.name}:", end="")
    for number in range(line.rounds(plan.rounds)):
        runs = {}
        for target in targets if number % 2 == 0 else reversed(targets):
            runs[target.name] = run_once(line, target, ground.postgres)
            tell(".", end="")
        result.rounds.append(runs)
    tell("")
    print(report.as_text(report.table(line.kind, [result])) + "\n", flush=True)
    return result


def finish(results, plan, machine_lines, versions):
    for text in report.marks(results):
        print(text)
    reasons = report.reasons(results)
    for line, target, text in reasons:
        print(f"{line.name}, {target}: {text}")
    if plan.out:
        when = report.today()
        notes = report.notes(plan.rounds, plan.seconds, machine.POOL_SIZE, machine.SCALE)
        report.write(plan.out, report.markdown(results, machine_lines, versions, notes, when),
                     report.as_json(results, machine_lines, versions, when))
        print(f"written to {plan.out}")
    return int(any(text.startswith("failed") for _, _, text in reasons))


def main():
    plan = Plan(os.environ)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    load = os.getloadavg()[0]
    if load > 0.3:
        tell(f"this machine is not quiet (load {load:.2f}): the numbers will be of little worth")
    folder = machine.make_folder()
    grounds, results, started = {}, [], time.monotonic()
    try:
        postgres, pair = machine.Postgres(folder), split.Pair(folder)
        targets = [machine.TARGETS[name](folder, postgres) for name in plan.targets]
        grounds["one"] = Ground(postgres, targets)
        grounds["pair"] = Ground(pair, [split.Unsplit(folder, pair),
                                        split.Splitting(folder, pair)])
        machine_lines = machine.describe()
        versions = [machine.postgres_version(), *(t.version() for t in targets if t.version())]
        print("\n".join(machine_lines + [", ".join(versions), ""]))
        for line in plan.lines:
            results.append(run_line(line, plan, grounds[line.ground]))
        tell(f"{(time.monotonic() - started) / 60:.1f} minutes")
        return finish(results, plan, machine_lines, versions)
    except KeyboardInterrupt:
        tell("\nstopped")
        return 130
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for ground in grounds.values():
            ground.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as problem:
        tell(f"bench: {problem}")
        sys.exit(2)
