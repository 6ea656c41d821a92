#!/usr/bin/env python3
"""Tests of the runner itself, with relay.py in the daemon's place: what it lets pass, and that
every kind of expectation can fail. Last line: N passed, N failed."""

import os
import sys
import tempfile

import wirerun
from wireproto import CLIENT, CODECS, SERVER, ScriptError, decode, encode, text
from wirescript import make_word, read_script

RELAY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "relay.py")

# One whole exchange in every notation there is; then scripts that must fail, with a part of
# what the report must say.
GOOD = r"""
# the notation
A: login S1 application_name="my app"
A -> S1: Q("select \"1\"\n\x41")
S1 -> A: T(x:23 y) D(42 null) C("SELECT 1") Z(I)
A: > P(s "select $1" 23) B("" s 5 null) D(P "") E S
S1: < P($n "select $1" 23) B("" $n * null) D(P ~".*") E("" 0) any
S1: > 1 2 T(x) D(5)
    C("SELECT 1") Z(T)
A: <together 1 2 T(...) D(~"[0-9]") C("SELECT 1") Z(*)
A: > D(S $n) E(p 3) C(P p) H f(reason) d("a\tb") c X
S1: < same
S1: > S(a b) S(c d) G H(1 2) W t(23 25) n s 3 I V(null) v(3.0 _pq_.x) K(7 abcd) R(5 salt)
A: < 1* S(...)* G(0 1) H(1 2) W t(23 25) n s 3 I V(null) v(3.0 _pq_.x) K(7 abcd) R(5 salt)
A: quiet
S1: > E(ERROR 42601 "oh" D="det ail") N(NOTICE 00000 hello V=absent) A(5 channel payload)
A: < E(ERROR 42601 "oh" D="det ail") N(NOTICE 00000 hello V=absent) A(5 channel payload)
A: >tiny Q("tiny") S
S1: < same
A: >cut 3 Q("abc")
S1: < raw("Q\0\0")
A: rest
S1: < hex(00 08 61 62 63 00)
S1: > N(NOTICE 00000 a) 1 2 Z(I) Z(T)
A: < ... 2 ... Z(T)
S1: hold
A: > d(@30000000)
A: stuck
S1: resume
A: sent
S1: < same
B: connect
B: > cancel(A)
K: accept
K: < cancel(S1)
K: close
B: eof
log "relay is ready"
log ~"relay.*ready"
C: connect
C: > startup(3.2 user=x _pq_.y=1)
S2: accept
S2: < startup(3.2 user=x ...)
S2: shut
C: eof
S2: gone
C: reset
listen quiet 10
wait 10
reload "pool_mode = session"
signal QUIT
ended
D: refused
A: gone
S1: gone
"""

BAD = [
    ("A: login S1\nS1: < Q(x)", "S1 expected Q\\(x\\).*and got  nothing"),
    ("A: login S1\nA: > Q(x)\nS1: < Q(y)", "S1 expected Q\\(y\\).*and got  Q\\(x\\)"),
    ("A: login S1\nA: > Q(x)\nS1: < S", "S1 expected S.*and got  Q\\(x\\)"),
    ("A: login S1\nA: > Q(x)\nS1: quiet", "expected silence.*Q\\(x\\)"),
    ("A: login S1\nA: > Q(x)", "at the end S1 was sent Q\\(x\\)"),
    ("A: login S1\nA: close", "at the end S1 was sent eof"),
    ("A: login S1\nS1: eof", "expected the connection to be closed"),
    ("A: login S1\nA: > Q(x)\nS1: eof", "expected the connection to be closed.*Q\\(x\\)"),
    ("A: login S1\nS1: > D(1 2)\nA: < D(1)", "too many arguments"),
    ("A: login S1\nS1: > D(1)\nA: < D(1 2)", "too few arguments"),
    ("A: login S1\nS1: > D(1)\nA: < D(null)", "argument 1 is 1"),
    ("A: login S1\nS1: > D(1)\nA: < D(~2)", "argument 1 is 1"),
    ("A: login S1\nS1: > D(1 2)\nA: < D($v $v)", "argument 2 is 2"),
    ("A: login S1\nS1: > Z(I) Z(T)\nA: < Z(I) Z(I)", "and got  Z\\(T\\)"),
    ("A: login S1\nA: > Q(x)\nS1: < raw(Q0)", "expected raw\\(Q0\\)"),
    ("A: login S1\nS1: > raw(\"D\\0\\0\\0\\x03\")\nA: < D", "no message begins with"),
    ("A: login S1\nS1: > D(1)\nwait 20\nS1: > D(2)\nA: <together D(1) D(2)\n",
     "more than one write"),
    ("A: login S1\nA: > Q(x)\nA: stuck", "all bytes were taken"),
    ("A: login S1\nS1: hold\nA: > d(@30000000)\nA: sent", "still not taken"),
    ("A: login S1\nB: connect\nB: > S\nwait 50", "there is a new connection"),
    ("A: login S1\nB: connect\nB: > S\nlisten quiet", "there is a new connection"),
    ("A: login S1\nS1: gone", "expected the connection to be closed"),
    ("A: login S1\nS1: > 1 2\nA: < ... 3", "A expected 3.*and got  nothing"),
    ("A: refused", "A could connect"),
    ("ended", "the daemon still runs"),
    ("S1: accept", "nobody connects"),
    ("A: login S1\nB: connect\nB: > cancel(A wrong)\nK: accept\nK: < cancel(S1)", "that is  cancel"),
    ("B: connect\nB: > startup(user=x)\nS1: accept\nS1: < startup(user=y ...)", "that is  startup"),
    ("B: connect\nB: > startup(user=x a=b)\nS1: accept\nS1: < startup(user=x 3.0)",
     "that is  startup"),
    ("A: login S1\nlog \"no such line\"", "the log does not say"),
    ("A: login S1\nA: > Q($nothing)", "has no value yet"),
    ("A: login S1\nsignal TERM\nwait 100\nA: eof", "the daemon ended with"),
    ("A: > Q(x)", "not connected"),
]

# Scripts that cannot be read.
UNREADABLE = ["", "A: jump", "A: > Q(x", "A: > Q(\"x)", "wheel 3", "A: > Q(x))", "# only a comment"]


def run_text(content):
    with tempfile.TemporaryDirectory(prefix="wire-") as folder:
        os.chmod(folder, 0o755)
        program = wirerun.shutil.copy(RELAY, folder)
        path = os.path.join(folder, "script.wire")
        with open(path, "w", encoding="utf-8") as out:
            out.write(content)
        return wirerun.run_file(path, program)[1]


def check_good():
    # The relay keeps up with 30 MB, but not always within the short wait of the bad ones.
    wirerun.TIMEOUT = 20
    return run_text(GOOD)


def check_bad(content, wanted):
    wirerun.TIMEOUT = 0.5
    report = run_text(content)
    if not report:
        return "passed, but must fail"
    if not wirerun.re.search(wanted, report, wirerun.re.S):
        return "the report does not say %s:\n%s" % (wanted, report)
    return None


def check_unreadable(content):
    try:
        read_script("script", content)
    except ScriptError:
        return None
    return "was read, but must not be"


def check_round_trip(side, kind):
    """Nothing decodes to what does not encode the same: every type, bodies of all kinds."""
    for body in (b"", b"\0", b"\0\0", b"a\0", b"a\0b\0", b"\0\1\0\0\0\2ab", bytes(8), bytes(30),
                 b"Sx\0", b"a\0\0\0\0\1", b"SERROR\0VERROR\0C00000\0Mx\0\0"):
        words = decode(side, kind, body)
        if words and words[0].kind == "text" and words[0].value.startswith(b"hex:"):
            continue
        if kind in "EN" and side == SERVER:
            continue
        if encode(side, kind, words)[5:] != body:
            return "%r is not the same again" % body
    return None


def checks():
    yield "the notation", check_good, ()
    for content, wanted in BAD:
        yield "must fail: " + content, check_bad, (content, wanted)
    for content in UNREADABLE:
        yield "must not be read: " + content, check_unreadable, (content,)
    for side in (CLIENT, SERVER):
        for kind in CODECS[side]:
            yield "%s %s" % (side, kind), check_round_trip, (side, kind)
    yield "long arguments differ everywhere", lambda: (
        None if make_word("@20").value == b"00000000000000080000" else "pattern"), ()
    yield "a quoted star is a text", lambda: (
        None if make_word('"*"').value == text("*").value else "star"), ()


def main():
    passed = failed = 0
    for name, check, arguments in checks():
        problem = check(*arguments)
        passed, failed = passed + (not problem), failed + bool(problem)
        if problem:
            print("FAILED %s\n%s" % (name, problem))
    print("%d passed, %d failed" % (passed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
