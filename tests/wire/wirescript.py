"""Wire scripts: text to steps. The notation is described in README.md beside this file."""

import re

from wireproto import ScriptError, Word, NULL, text

STEP = re.compile(r"(?P<actor>[A-Z]\w*)(\s*->\s*(?P<to>[A-Z]\w*))?\s*:\s*(?P<rest>.*)", re.S)
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s()"]', re.S)


class Message:
    """One message of a step: kind and arguments; many: any number of them, none included."""

    def __init__(self, kind, words, many=False):
        self.kind = kind
        self.words = words
        self.many = many


class Step:
    """One line: actor (None for the daemon's steps), verb, options of the verb, messages."""

    def __init__(self, line, source, actor, verb, options, messages, to=None):
        self.line = line
        self.source = source
        self.actor = actor
        self.verb = verb
        self.options = options
        self.messages = messages
        self.to = to


class Script:
    def __init__(self, path):
        self.path = path
        self.ini = []        # "key = value" of the main section
        self.databases = []  # lines of [databases]
        self.users = []      # lines of the users file
        self.steps = []


def unescape(quoted):
    """The bytes of a quoted text."""
    def one(match):
        code = match.group(1)
        if code[0] == "x":
            return chr(int(code[1:], 16))
        return {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}.get(code, code)

    inner = quoted[1:-1].encode().decode("latin-1")
    return re.sub(r"\\(x[0-9a-fA-F]{2}|.)", one, inner, flags=re.S).encode("latin-1")


def pattern_bytes(size):
    """size bytes in which every stretch tells where it belongs."""
    return b"".join(b"%08x" % i for i in range(0, size + 8, 8))[:size]


def make_word(token):
    """One argument from its text."""
    if token == "*":
        return Word("any")
    if token == "...":
        return Word("rest")
    if token == "null":
        return NULL
    if token.startswith("~"):
        return Word("regex", unescape(token[1:]) if token[1:2] == '"' else token[1:].encode())
    if token.startswith("$") and len(token) > 1:
        return Word("var", token[1:])
    if re.fullmatch(r"@\d+", token):
        return text(pattern_bytes(int(token[1:])))
    value = b"".join(unescape(p) if p.startswith('"') else p.encode()
                     for p in re.findall(r'"(?:[^"\\]|\\.)*"|[^"]+', token, re.S))
    return text(value)


class Scanner:
    """Reads messages and options from the text of a step."""

    def __init__(self, source):
        self.source = source
        self.at = 0

    def skip_space(self):
        while self.at < len(self.source) and self.source[self.at].isspace():
            self.at += 1

    def token(self):
        """The next run without blanks or brackets outside quotes, '' at the end."""
        self.skip_space()
        start = self.at
        while True:
            match = TOKEN.match(self.source, self.at)
            if not match:
                break
            self.at = match.end()
        if self.source[self.at:self.at + 1] == '"':
            raise ScriptError("a quote is not closed")
        return self.source[start:self.at]

    def words(self):
        """Arguments behind a message name, if any."""
        if self.source[self.at:self.at + 1] != "(":
            return []
        self.at += 1
        words = []
        while True:
            token = self.token()
            if token:
                words.append(make_word(token))
            elif self.source[self.at:self.at + 1] == ")":
                self.at += 1
                return words
            else:
                raise ScriptError("a bracket is not closed")

    def messages(self):
        out = []
        while True:
            kind = self.token()
            if not kind:
                break
            words = self.words()
            many = len(kind) > 1 and kind.endswith("*") or self.source[self.at:self.at + 1] == "*"
            if kind.endswith("*"):
                kind = kind[:-1]
            elif many:
                self.at += 1
            out.append(Message(kind, words, many))
        if self.at < len(self.source):
            raise ScriptError("cannot read %r" % self.source[self.at:])
        return out

    def options(self):
        out = []
        while True:
            token = self.token()
            if not token:
                return out
            out.append(make_word(token))


MESSAGE_VERBS = {">", "<", ">tiny", ">cut", "<together"}
OPTION_VERBS = {
    "connect", "login", "welcome", "accept", "quiet", "eof", "close", "reset", "shut", "hold",
    "resume", "stuck", "sent", "rest", "gone", "refused",
}
DAEMON_VERBS = {"wait", "signal", "log", "listen", "reload", "ended"}


def read_step(line, source):
    """One step from its text (continuation lines joined)."""
    match = STEP.fullmatch(source)
    if not match:
        scanner = Scanner(source)
        verb = scanner.token()
        if verb not in DAEMON_VERBS:
            raise ScriptError("no such step: %s" % source)
        return Step(line, source, None, verb, scanner.options(), [])
    scanner = Scanner(match["rest"])
    if match["to"]:
        return Step(line, source, match["actor"], "->", [], scanner.messages(), match["to"])
    verb = scanner.token()
    if verb in MESSAGE_VERBS:
        options = [make_word(scanner.token())] if verb == ">cut" else []
        return Step(line, source, match["actor"], verb, options, scanner.messages())
    if verb in OPTION_VERBS:
        return Step(line, source, match["actor"], verb, scanner.options(), [])
    raise ScriptError("no such verb: %s" % verb)


def logical_lines(content):
    """(line number, text): comments and blank lines gone, indented lines joined to theirs."""
    out = []
    for number, raw in enumerate(content.split("\n"), 1):
        if not raw.strip() or raw.lstrip().startswith("#"):
            continue
        if raw[0].isspace() and out:
            out[-1] = (out[-1][0], out[-1][1] + " " + raw.strip())
        else:
            out.append((number, raw.strip()))
    return out


def read_script(path, content):
    script = Script(path)
    for number, line in logical_lines(content):
        head, _, rest = line.partition(" ")
        try:
            if head == "ini":
                script.ini.append(rest.strip())
            elif head == "database":
                script.databases.append(rest.strip())
            elif head == "user":
                script.users.append(rest.strip())
            else:
                script.steps.append(read_step(number, line))
        except ScriptError as error:
            raise ScriptError("%s:%d: %s" % (path, number, error)) from error
    if not script.steps:
        raise ScriptError("%s: no steps" % path)
    return script
