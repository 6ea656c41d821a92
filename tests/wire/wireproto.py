"""PostgreSQL messages as text and bytes, for wire scripts.

A message is written Type(arg arg ...). encode() turns type and arguments into a body, decode()
turns a body into arguments; a body that the notation cannot say exactly decodes to its bytes in
hex, so that a comparison of arguments is always a comparison of bytes.
"""

import re
import struct

CLIENT, SERVER = "client", "server"

NAMES = {
    CLIENT: {
        "B": "Bind", "C": "Close", "D": "Describe", "E": "Execute", "F": "FunctionCall",
        "H": "Flush", "P": "Parse", "Q": "Query", "S": "Sync", "X": "Terminate",
        "c": "CopyDone", "d": "CopyData", "f": "CopyFail", "p": "PasswordMessage",
    },
    SERVER: {
        "1": "ParseComplete", "2": "BindComplete", "3": "CloseComplete",
        "A": "NotificationResponse", "C": "CommandComplete", "D": "DataRow",
        "E": "ErrorResponse", "G": "CopyInResponse", "H": "CopyOutResponse",
        "I": "EmptyQueryResponse", "K": "BackendKeyData", "N": "NoticeResponse",
        "R": "Authentication", "S": "ParameterStatus", "T": "RowDescription",
        "V": "FunctionCallResponse", "W": "CopyBothResponse", "Z": "ReadyForQuery",
        "c": "CopyDone", "d": "CopyData", "n": "NoData", "s": "PortalSuspended",
        "t": "ParameterDescription", "v": "NegotiateProtocolVersion",
    },
}

REQUEST_CODES = {"cancel": 80877102, "ssl": 80877103, "gssenc": 80877104}


class ScriptError(Exception):
    """The script itself is wrong."""


class Word:
    """One argument of a message: kind is text, any (*), rest (...), regex (~), var ($), null."""

    def __init__(self, kind, value=None):
        self.kind = kind
        self.value = value

    def __repr__(self):
        if self.kind == "text":
            return show_text(self.value)
        return {"any": "*", "rest": "...", "null": "null"}.get(self.kind) or (
            {"regex": "~", "var": "$"}[self.kind] + str(self.value))


def text(value):
    """A literal argument."""
    return Word("text", value if isinstance(value, bytes) else str(value).encode())


NULL = Word("null")


def show_text(value):
    """Bytes as a script would write them, long ones shortened."""
    tail = ""
    if len(value) > 120:
        tail = "... %d bytes in all" % len(value)
        value = value[:80]
    if re.fullmatch(rb"[A-Za-z0-9_.:/+=-]+", value) and not tail:
        return value.decode()
    out = "".join(chr(b) if 32 <= b < 127 and chr(b) not in '"\\' else "\\x%02x" % b
                  for b in value)
    return '"%s"%s' % (out, tail)


def show(kind, words):
    """A message as a script would write it."""
    if not words:
        return kind
    return "%s(%s)" % (kind, " ".join(map(repr, words)))


# ---- writing bodies ----


def plain(word):
    """The bytes of a literal argument."""
    if word.kind != "text":
        raise ScriptError("%r cannot be sent" % word)
    return word.value


def number(word):
    try:
        return int(plain(word).decode(), 0)
    except ValueError as error:
        raise ScriptError("%r is not a number" % word) from error


def zero_ended(word):
    return plain(word) + b"\0"


def value_of(word):
    """A length and that many bytes, or -1 for null."""
    if word.kind == "null":
        return struct.pack(">i", -1)
    return struct.pack(">i", len(plain(word))) + plain(word)


def column_of(word):
    name, _, oid = plain(word).partition(b":")
    oid = int(oid or 25)
    size = {20: 8, 23: 4}.get(oid, -1)
    return name + b"\0" + struct.pack(">IhIhih", 0, 0, oid, size, -1, 0)


def want(words, low, high=None):
    if len(words) < low or (high is not None and len(words) > high):
        raise ScriptError("wrong number of arguments: %r" % words)


def encode_parse(words):
    want(words, 2)
    oids = [number(w) for w in words[2:]]
    return zero_ended(words[0]) + zero_ended(words[1]) + struct.pack(
        ">H%dI" % len(oids), len(oids), *oids)


def encode_bind(words):
    words = words or [text(""), text("")]
    want(words, 2)
    values = b"".join(value_of(w) for w in words[2:])
    return (zero_ended(words[0]) + zero_ended(words[1]) + struct.pack(">HH", 0, len(words) - 2)
            + values + struct.pack(">H", 0))


def encode_target(words):
    want(words, 2, 2)
    return plain(words[0]) + zero_ended(words[1])


def encode_execute(words):
    words = list(words) + [text(""), text("0")][len(words):]
    want(words, 2, 2)
    return zero_ended(words[0]) + struct.pack(">I", number(words[1]))


def encode_one_text(words):
    want(words, 1, 1)
    return zero_ended(words[0])


def encode_raw(words):
    want(words, 1, 1)
    return plain(words[0])


def encode_nothing(words):
    want(words, 0, 0)
    return b""


def encode_authentication(words):
    words = words or [text("0")]
    code = number(words[0])
    if code == 10:
        return struct.pack(">I", code) + b"".join(map(zero_ended, words[1:])) + b"\0"
    return struct.pack(">I", code) + b"".join(map(plain, words[1:]))


def encode_two_texts(words):
    want(words, 2, 2)
    return zero_ended(words[0]) + zero_ended(words[1])


def encode_key(words):
    want(words, 2, 2)
    return struct.pack(">I", number(words[0])) + plain(words[1])


def encode_notice(words):
    """severity sqlstate message [field=text ...]; V=absent leaves out that field."""
    want(words, 3)
    severity, state, message = map(plain, words[:3])
    others = [plain(w) for w in words[3:]]
    out = b"S" + severity + b"\0"
    if b"V=absent" in others:
        others.remove(b"V=absent")
    else:
        out += b"V" + severity + b"\0"
    out += b"C" + state + b"\0M" + message + b"\0"
    for other in others:
        code, _, value = other.partition(b"=")
        out += code + value + b"\0"
    return out + b"\0"


def encode_notification(words):
    want(words, 3, 3)
    return struct.pack(">I", number(words[0])) + zero_ended(words[1]) + zero_ended(words[2])


def encode_columns(words):
    return struct.pack(">H", len(words)) + b"".join(map(column_of, words))


def encode_row(words):
    return struct.pack(">H", len(words)) + b"".join(map(value_of, words))


def encode_copy(words):
    words = list(words) + [text("0"), text("1")][len(words):]
    want(words, 2, 2)
    overall, columns = map(number, words)
    return struct.pack(">bH%dH" % columns, overall, columns, *[overall] * columns)


def encode_types(words):
    return struct.pack(">H%dI" % len(words), len(words), *map(number, words))


def encode_negotiate(words):
    want(words, 1)
    major, _, minor = plain(words[0]).partition(b".")
    return struct.pack(">HHI", int(major), int(minor), len(words) - 1) + b"".join(
        map(zero_ended, words[1:]))


def encode_value(words):
    want(words, 1, 1)
    return value_of(words[0])


# ---- reading bodies ----


class Body:
    """A cursor; running off the end raises ValueError."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, size):
        if size < 0 or self.at + size > len(self.data):
            raise ValueError("short")
        self.at += size
        return self.data[self.at - size:self.at]

    def zero_ended(self):
        end = self.data.index(b"\0", self.at)
        out = self.data[self.at:end]
        self.at = end + 1
        return text(out)

    def unpack(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))

    def value(self):
        size, = self.unpack(">i")
        return NULL if size == -1 else text(self.take(size))

    def rest(self):
        return self.take(len(self.data) - self.at)


def decode_parse(body):
    words = [body.zero_ended(), body.zero_ended()]
    count, = body.unpack(">H")
    return words + [text(n) for n in body.unpack(">%dI" % count)]


def decode_bind(body):
    words = [body.zero_ended(), body.zero_ended()]
    body.take(2)
    count, = body.unpack(">H")
    words += [body.value() for _ in range(count)]
    body.take(2)
    return words


def decode_target(body):
    return [text(body.take(1)), body.zero_ended()]


def decode_execute(body):
    return [body.zero_ended(), text(body.unpack(">I")[0])]


def decode_authentication(body):
    code, = body.unpack(">I")
    words = [text(code)]
    if code == 10:
        while True:
            name = body.zero_ended()
            if not name.value:
                return words
            words.append(name)
    rest = body.rest()
    return words + ([text(rest)] if rest else [])


def decode_notice(body):
    fields = []
    while True:
        code = body.take(1)
        if code == b"\0":
            break
        fields.append((code, body.zero_ended().value))
    got = dict(fields)
    words = [text(got.get(b"S", b"")), text(got.get(b"C", b"")), text(got.get(b"M", b""))]
    if b"V" not in got:
        words.append(text("V=absent"))
    elif got[b"V"] != got.get(b"S"):
        words.append(text(b"V=" + got[b"V"]))
    return words + [text(c + b"=" + v) for c, v in fields if c not in (b"S", b"V", b"C", b"M")]


def decode_columns(body):
    words = []
    for _ in range(body.unpack(">H")[0]):
        name = body.zero_ended().value
        oid = body.unpack(">IhIhih")[2]
        words.append(text(name if oid == 25 else name + b":%d" % oid))
    return words


def decode_row(body):
    return [body.value() for _ in range(body.unpack(">H")[0])]


def decode_copy(body):
    overall, columns = body.unpack(">bH")
    body.take(2 * columns)
    return [text(overall), text(columns)]


def decode_negotiate(body):
    major, minor, count = body.unpack(">HHI")
    return [text("%d.%d" % (major, minor))] + [body.zero_ended() for _ in range(count)]


# type: (encode, decode)
ONE_TEXT = (encode_one_text, lambda b: [b.zero_ended()])
TWO_TEXTS = (encode_two_texts, lambda b: [b.zero_ended(), b.zero_ended()])
RAW = (encode_raw, lambda b: [text(b.rest())])
NOTHING = (encode_nothing, lambda b: [])
TARGET = (encode_target, decode_target)
COPY = (encode_copy, decode_copy)
NOTICE = (encode_notice, decode_notice)

CODECS = {
    CLIENT: {
        "B": (encode_bind, decode_bind), "C": TARGET, "D": TARGET,
        "E": (encode_execute, decode_execute), "F": RAW, "H": NOTHING,
        "P": (encode_parse, decode_parse), "Q": ONE_TEXT, "S": NOTHING, "X": NOTHING,
        "c": NOTHING, "d": RAW, "f": ONE_TEXT, "p": ONE_TEXT,
    },
    SERVER: {
        "1": NOTHING, "2": NOTHING, "3": NOTHING, "I": NOTHING, "n": NOTHING, "s": NOTHING,
        "c": NOTHING, "C": ONE_TEXT, "S": TWO_TEXTS, "d": RAW, "Z": RAW,
        "G": COPY, "H": COPY, "W": COPY, "E": NOTICE, "N": NOTICE,
        "A": (encode_notification,
              lambda b: [text(b.unpack(">I")[0]), b.zero_ended(), b.zero_ended()]),
        "D": (encode_row, decode_row),
        "K": (encode_key, lambda b: [text(b.unpack(">I")[0]), text(b.rest())]),
        "R": (encode_authentication, decode_authentication),
        "T": (encode_columns, decode_columns),
        "V": (encode_value, lambda b: [b.value()]),
        "t": (encode_types,
              lambda b: [text(n) for n in b.unpack(">%dI" % b.unpack(">H")[0])]),
        "v": (encode_negotiate, decode_negotiate),
    },
}

# What a missing argument at the end means.
DEFAULTS = {
    (CLIENT, "B"): [text(""), text("")], (CLIENT, "E"): [text(""), text("0")],
    (SERVER, "R"): [text("0")], (SERVER, "G"): [text("0"), text("1")],
    (SERVER, "H"): [text("0"), text("1")], (SERVER, "W"): [text("0"), text("1")],
}


def encode(side, kind, words):
    """A whole message with its header; raises ScriptError."""
    if kind not in CODECS[side]:
        raise ScriptError("a %s sends no %r" % (side, kind))
    body = CODECS[side][kind][0](words)
    return kind.encode() + struct.pack(">I", len(body) + 4) + body


def decode(side, kind, body):
    """Arguments of a body, or its bytes in hex where they say it better."""
    try:
        words = CODECS[side][kind][1](Body(body))
        if encode(side, kind, words)[5:] == body or kind in "EN" and side == SERVER:
            return words
    except (KeyError, ValueError, struct.error, ScriptError):
        pass
    return [text("hex:" + body.hex())]


def encode_startup(version, pairs):
    major, _, minor = version.partition(".")
    body = struct.pack(">HH", int(major), int(minor))
    for name, value in pairs:
        body += name + b"\0" + value + b"\0"
    body += b"\0"
    return struct.pack(">I", len(body) + 4) + body


def encode_request(name, pid=0, key=b""):
    body = struct.pack(">I", REQUEST_CODES[name])
    if name == "cancel":
        body += struct.pack(">I", pid) + key
    return struct.pack(">I", len(body) + 4) + body


def decode_startup(packet):
    """(name, words) of a packet without a type byte."""
    code, = struct.unpack(">I", packet[4:8])
    for name, value in REQUEST_CODES.items():
        if code == value and name == "cancel":
            return name, [text(struct.unpack(">I", packet[8:12])[0]), text(packet[12:])]
        if code == value:
            return name, [text(packet[8:])] if packet[8:] else []
    words = [text("%d.%d" % (code >> 16, code & 0xffff))]
    parts = packet[8:].split(b"\0")
    for i in range(0, len(parts) - 2, 2):
        words.append(text(parts[i] + b"=" + parts[i + 1]))
    return "startup", words
