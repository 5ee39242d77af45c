"""What comes in at the doors and is no client's work: each row is sent as it stands, gets what is
written beside it, and harms nobody. Names of fields and values of bodies are in test_rest.py."""

import concurrent.futures
import os
import time

import pytest

import harness
from harness import ALPHA, BETA, free_port
from raw_http import SHUT, dial, exchange, send

OPERATOR = "op-token"


@pytest.fixture(scope="module")
def running():
    with harness.Lab() as lab:
        sim = lab.sim()
        port = free_port()
        tokens = lab.folder / "tokens"
        tokens.write_text(f"operator {OPERATOR}\n")
        os.chmod(tokens, 0o600)
        agent = lab.agent(
            sim,
            config={
                "api.listen": f"127.0.0.1:{port}",
                "api.token_file": str(tokens),
                # Nothing but the tests asks the modem.
                "telemetry.sample_s": 3600,
            },
        )
        agent.wait_ready()
        for path in ("/v1/eid", "/v1/profiles", "/v1/connectivity"):
            assert agent.http("GET", path)[0] == 200
        yield sim, agent, {"unix": agent.socket, "tcp": port}


ENABLE = f"POST /v1/profiles/{BETA}/enable HTTP/1.1\r\n<host>".encode()
# It is enabled: an operation that is done at once, and nothing for the card.
AGAIN = f"POST /v1/profiles/{ALPHA}/enable HTTP/1.1\r\n<host>".encode()
EID = b"GET /v1/eid HTTP/1.1\r\n<host>"
HEALTH = b"GET /healthz HTTP/1.1\r\n<host>"
END = b"Connection: close\r\n\r\n"
CHUNKED = b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
HOSTS = {
    "unix": b"Host: lpm\r\n",
    "tcp": f"Host: localhost\r\nAuthorization: Bearer {OPERATOR}\r\n".encode(),
}
HELLO = bytes.fromhex("16030100c6010000c20303") + bytes(range(64)) * 3


def body(data, *headers, to=ENABLE):
    """A POST with that body."""
    head = b"".join(h + b"\r\n" for h in headers)
    return (
        to + b"Content-Type: application/json\r\n" + head
        + b"Content-Length: %d\r\n" % len(data) + END + data
    )


def sized(size):
    """A JSON object of so many bytes that is refused for what is in it."""
    return b'{"reason":"' + b"x" * (size - 13) + b'"}'


def get(target, *headers):
    head = b"".join(h + b"\r\n" for h in headers)
    return b"GET " + target + b" HTTP/1.1\r\n<host>" + head + END


CLOSED = []
BAD = [(400, "invalid-request")]
BARE = [(400, None)]  # the library's own
OK = [(200, None)]
NONE = [(404, "not-found")]
SMUGGLED = b"GET /v1/info HTTP/1.1\r\n<host>" + END

# what, doors, what is sent, the answers: (status, a problem's code)
ROWS = [
    # The request line.
    ("nothing but line ends", "both", [b"\r\n" * 20, SHUT], CLOSED),
    ("no version", "both", b"GET /v1/eid\r\n\r\n", BARE),
    ("HTTP/0.9", "both", [b"GET /v1/eid\r\n", SHUT], BARE),
    ("HTTP/1.0", "both", b"GET /v1/eid HTTP/1.0\r\n<host>\r\n", OK),
    ("HTTP/1.0 kept, then left", "both", [b"GET /v1/eid HTTP/1.0\r\n<host>Connection: keep-alive\r\n\r\n", 0.2, SHUT], OK),
    ("HTTP/1.2", "both", b"GET /v1/eid HTTP/1.2\r\n<host>" + END, OK),
    ("HTTP/2.0", "both", b"GET /v1/eid HTTP/2.0\r\n<host>\r\n", [(505, None)]),
    ("HTTP/9.9", "both", b"GET /v1/eid HTTP/9.9\r\n<host>\r\n", [(505, None)]),
    ("version in small letters", "both", b"GET /v1/eid http/1.1\r\n<host>\r\n", BARE),
    ("the preface of HTTP/2", "both", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [(505, None)]),
    ("a TLS hello", "both", [HELLO, SHUT], CLOSED),
    ("a TLS hello with line ends", "both", [HELLO + b"\r\n\r\n", SHUT], CLOSED),
    ("bytes", "both", [bytes(range(256)) * 8, SHUT], BARE),
    ("a huge target", "both", b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n<host>\r\n", [(414, None)]),
    ("a target over 2,048", "both", get(b"/" + b"a" * 2048), BAD),
    ("a huge method", "both", b"G" * 100000 + b" /v1/eid HTTP/1.1\r\n<host>\r\n", [(414, None)]),
    ("a line without an end", "both", [b"G" * 100000, SHUT], [(414, None)]),
    ("two blanks", "both", b"GET  /v1/eid HTTP/1.1\r\n<host>" + END, OK),
    ("a blank in the target", "both", b"GET /v1/ eid HTTP/1.1\r\n<host>" + END, NONE),
    ("tabs for blanks", "both", b"GET\t/v1/eid\tHTTP/1.1\r\n<host>\r\n", CLOSED),
    ("NUL in the target", "both", get(b"/v1/eid\0x"), BAD),
    ("NUL in the method", "both", b"G\0T /v1/eid HTTP/1.1\r\n<host>" + END, [(405, "method-not-allowed")]),
    ("no ASCII", "both", get("/v1/profiles/é".encode()), BAD),
    ("lines that end in LF", "both", (EID + END).replace(b"\r\n", b"\n"), OK),
    ("a lone CR in the line", "both", [b"GET /v1/eid\rX HTTP/1.1\r\n<host>" + END, SHUT], BARE),
    # Methods.
    ("no such method", "both", b"BREW /v1/eid HTTP/1.1\r\n<host>" + END, [(405, "method-not-allowed")]),
    ("a method in small letters", "both", b"get /v1/eid HTTP/1.1\r\n<host>" + END, [(405, "method-not-allowed")]),
    ("TRACE", "both", b"TRACE /v1/eid HTTP/1.1\r\n<host>" + END, [(405, "method-not-allowed")]),
    ("OPTIONS", "both", b"OPTIONS /v1/eid HTTP/1.1\r\n<host>" + END, [(405, "method-not-allowed")]),
    ("OPTIONS *", "both", b"OPTIONS * HTTP/1.1\r\n<host>" + END, BAD),
    ("CONNECT", "both", b"CONNECT evil.example:443 HTTP/1.1\r\n<host>" + END, BAD),
    ("PATCH an enable", "both", ENABLE.replace(b"POST", b"PATCH") + END, [(405, "method-not-allowed")]),
    # Targets.
    ("no path", "both", get(b"v1/eid"), BAD),
    ("absolute", "unix", get(b"http://lpm/v1/eid"), OK),
    ("absolute, ours", "tcp", get(b"http://localhost/v1/eid"), OK),
    ("absolute, another's", "tcp", get(b"http://evil.example/v1/eid"), [(403, "forbidden")]),
    ("absolute, with a user", "tcp", get(b"http://localhost@evil.example/v1/eid"), [(403, "forbidden")]),
    ("absolute, of TLS", "both", get(b"https://localhost/v1/eid"), BAD),
    ("absolute, of files", "both", get(b"file:///etc/passwd"), BAD),
    ("a fragment", "both", get(b"/v1/eid#x"), BAD),
    ("dots", "both", get(b"/v1/../v1/eid"), NONE),
    ("dots, escaped", "both", get(b"/v1/%2e%2e/v1/eid"), NONE),
    ("dots over the top", "both", get(b"/../../../../etc/passwd"), NONE),
    ("a slash, escaped", "both", get(b"/v1%2Feid"), NONE),
    ("a letter, escaped", "both", get(b"/v1/%65id"), OK),
    ("escaped twice", "both", get(b"/v1/%2565id"), NONE),
    ("two slashes", "both", get(b"//v1/eid"), NONE),
    ("a backslash", "both", get(b"/v1\\eid"), NONE),
    ("NUL, escaped", "both", get(b"/v1/eid%00"), BAD),
    ("a line end, escaped", "both", get(b"/v1/eid%0d%0aX:1"), BAD),
    ("UTF-8 that is too long", "both", get(b"/v1/%c0%afeid"), BAD),
    ("no hex", "both", get(b"/v1/%zz"), BAD),
    ("half an escape", "both", get(b"/v1/eid%2"), BAD),
    ("many segments", "both", get(b"/v1" + b"/x" * 900), NONE),
    ("a query with nothing in it", "both", get(b"/v1/eid?"), OK),
    ("a query of separators", "both", get(b"/v1/eid?&&&"), OK),
    ("a query of a name of 2,000", "both", get(b"/v1/operations?" + b"n" * 2000), BAD),
    ("a query given twice", "both", get(b"/v1/operations?limit=1&limit=2"), BAD),
    ("a query with NUL", "both", get(b"/v1/operations?state=%00"), BAD),
    ("a limit over all", "both", get(b"/v1/operations?limit=99999999999999999999"), BAD),
    ("a limit below", "both", get(b"/v1/operations?limit=-1"), BAD),
    ("a time that is none", "both", get(b"/v1/connectivity?since=9999-99-99T99:99:99Z"), BAD),
    # Headers.
    ("a huge header", "both", EID + b"X: " + b"y" * 100000 + b"\r\n\r\n", [(431, None)]),
    ("10,000 headers", "both", EID + b"X: y\r\n" * 10000 + b"\r\n", [(431, None)]),
    ("100 headers", "both", EID + b"X: y\r\n" * 100 + END, OK),
    ("no colon", "both", EID + b"Prefer\r\n" + END, BARE),
    # The library takes it for the end of the head.
    ("no name", "both", EID + b": x\r\n" + END, [*OK, *BARE]),
    ("a folded header", "both", EID + b"If-None-Match: \"x\",\r\n \"y\"\r\n" + END, BAD),
    ("NUL in a name", "both", EID + b"Pre\0fer: x\r\n" + END, BARE),
    ("NUL in a value", "both", EID + b"Accept: text/html\0, */*\r\n" + END, [(406, "not-acceptable")]),
    ("a length before a blank and a colon", "both", ENABLE + b"Content-Length : 5\r\n" + END + b"{ } x", BAD),
    ("an encoding before a blank and a colon", "both", ENABLE + b"Transfer-Encoding : chunked\r\n" + END + b"0\r\n\r\n", BAD),
    ("a blank before the first header", "both", b"GET /v1/eid HTTP/1.1\r\n X: y\r\n<host>" + END, BAD),
    ("Host twice", "both", EID + b"Host: localhost\r\n" + END, BAD),
    ("no Host", "tcp", b"GET /v1/eid HTTP/1.1\r\n" + END, [(403, "forbidden")]),
    ("no Host on a socket", "unix", b"GET /v1/eid HTTP/1.1\r\n" + END, OK),
    ("Host is another's", "tcp", b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\n" + END, [(403, "forbidden")]),
    ("Host that begins as ours", "tcp", b"GET /healthz HTTP/1.1\r\nHost: localhost.evil.example\r\n" + END, [(403, "forbidden")]),
    ("Origin is another's", "tcp", EID + b"Origin: http://evil.example\r\n" + END, [(403, "forbidden")]),
    ("Origin null", "tcp", EID + b"Origin: null\r\n" + END, [(403, "forbidden")]),
    ("Origin on a socket", "unix", EID + b"Origin: http://evil.example\r\n" + END, OK),
    ("Upgrade", "both", EID + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: eA==\r\nConnection: close\r\n\r\n", OK),
    ("Upgrade to HTTP/2", "both", EID + b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n" + END, OK),
    ("Range", "both", get(b"/v1/eid", b"Range: bytes=0-1"), OK),
    ("Accept of garbage", "both", get(b"/v1/eid", b"Accept: ;;,,q=,/"), OK),
    ("Accept of nothing that we have", "both", get(b"/v1/eid", b"Accept: image/png, text/*;q=0.1"), [(406, "not-acceptable")]),
    ("Accept that excludes JSON", "both", get(b"/v1/eid", b"Accept: application/json;q=0, */*"), [(406, "not-acceptable")]),
    ("Accept of 10 KB", "both", get(b"/v1/eid", b"Accept: " + b"text/html," * 1000 + b"*/*"), OK),
    ("Authorization of 8 KB", "tcp", b"GET /v1/eid HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + b"x" * 8192 + b"\r\n" + END, [(401, "unauthorized")]),
    ("Authorization of 8 KB on a socket", "unix", get(b"/v1/eid", b"Authorization: Bearer " + b"x" * 8192), OK),
    ("Authorization twice", "tcp", get(b"/v1/eid", b"Authorization: Bearer x"), BAD),
    ("blanks behind a token", "tcp", f"GET /v1/eid HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {OPERATOR} \t\r\n".encode() + END, OK),
    ("a token and more", "tcp", b"GET /v1/eid HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer op-token x\r\n" + END, [(401, "unauthorized")]),
    ("an empty token", "tcp", b"GET /v1/eid HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \r\n" + END, [(401, "unauthorized")]),
    ("If-None-Match of garbage", "both", get(b"/v1/profiles", b'If-None-Match: W/"'), OK),
    ("If-None-Match of any", "both", get(b"/v1/profiles", b"If-None-Match: *"), [(304, None)]),
    ("Cache-Control of garbage", "both", get(b"/v1/eid", b'Cache-Control: no-cache="'), OK),
    ("If-Match without quotes", "both", AGAIN + b"If-Match: 0\r\nContent-Length: 0\r\n" + END, [(412, "precondition-failed")]),
    ("If-Match that does not end", "both", AGAIN + b'If-Match: "0\r\nContent-Length: 0\r\n' + END, [(412, "precondition-failed")]),
    ("If-Match weak", "both", AGAIN + b'If-Match: W/"0"\r\nContent-Length: 0\r\n' + END, [(412, "precondition-failed")]),
    ("If-Match of 10 KB", "both", AGAIN + b"If-Match: " + b'"x",' * 2500 + b"\r\nContent-Length: 0\r\n" + END, [(412, "precondition-failed")]),
    ("Prefer below zero", "both", body(b"", b"Prefer: wait=-1", to=AGAIN), OK),
    ("Prefer over all", "both", body(b"", b"Prefer: wait=99999999999999999999999", to=AGAIN), OK),
    ("Prefer of garbage", "both", body(b"", b'Prefer: ="wait;=,;wait', to=AGAIN), OK),
    ("an empty key", "both", body(b"", b"Idempotency-Key:"), BAD),
    ("a key in quotes", "both", body(b"", b'Idempotency-Key: "k"'), BAD),
    ("a key of 10 KB", "both", body(b"", b"Idempotency-Key: " + b"k" * 10000), BAD),
    ("a key that is no ASCII", "both", body(b"", "Idempotency-Key: é".encode()), BAD),
    ("a key given twice", "both", body(b"", b"Idempotency-Key: a", b"Idempotency-Key: a"), BAD),
    # Where a body ends.
    ("length twice", "both", ENABLE + b"Content-Length: 2\r\nContent-Length: 3\r\n" + END + b"{}", BAD),
    ("the same length twice", "both", ENABLE + b"Content-Length: 2\r\nContent-Length: 2\r\n" + END + b"{}", BAD),
    ("a list of lengths", "both", ENABLE + b"Content-Length: 2, 2\r\n" + END + b"{}", BARE),
    ("length below zero", "both", ENABLE + b"Content-Length: -1\r\n" + END, BARE),
    ("length with a sign", "both", ENABLE + b"Content-Length: +2\r\n" + END + b"{}", BARE),
    ("length in hex", "both", ENABLE + b"Content-Length: 0x2\r\n" + END + b"{}", BARE),
    ("length of nothing", "both", ENABLE + b"Content-Length:\r\n" + END, BARE),
    ("length of 2^64", "both", ENABLE + b"Content-Length: 18446744073709551616\r\n\r\n", [(413, None)]),
    ("length of 2^64 - 1", "both", ENABLE + b"Content-Length: 18446744073709551615\r\n\r\n", [(413, "payload-too-large")]),
    ("length and chunks", "both", ENABLE + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED, BAD),
    ("chunks and length", "both", ENABLE + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + SMUGGLED, BAD),
    ("another encoding", "both", ENABLE + b"Transfer-Encoding: gzip\r\n\r\n", BAD),
    ("two encodings", "both", ENABLE + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", BAD),
    ("the encoding twice", "both", ENABLE + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", BAD),
    ("no hex for a chunk", "both", ENABLE + CHUNKED + b"\r\nzz\r\n{}\r\n0\r\n\r\n", BARE),
    ("a chunk below zero", "both", ENABLE + CHUNKED + b"\r\n-2\r\n{}\r\n0\r\n\r\n", BARE),
    ("a chunk of 0x2", "both", ENABLE + CHUNKED + b"\r\n0x2\r\n{}\r\n0\r\n\r\n", BARE),
    ("a chunk of 2^64", "both", ENABLE + CHUNKED + b"\r\n10000000000000000\r\n{}\r\n", [(413, None)]),
    ("a chunk of 2^64 - 1", "both", [ENABLE + CHUNKED + b"\r\nffffffffffffffff\r\n{}", SHUT], CLOSED),
    ("a chunk longer than it says", "both", ENABLE + CHUNKED + b"\r\n1\r\n{}\r\n0\r\n\r\n", BARE),
    ("a chunk without its size's end", "both", [ENABLE + CHUNKED + b"\r\n" + b"2;" + b"x" * 100000, SHUT], CLOSED),
    ("a chunk with an extension", "both", ENABLE + CHUNKED + END + b'2;a="b"\r\n[]\r\n0\r\n\r\n', BAD),
    ("chunks with a trailer", "both", ENABLE + CHUNKED + END + b"2\r\n[]\r\n0\r\nContent-Length: 5\r\nX: y\r\n\r\n", BAD),
    ("chunks of one byte", "both", ENABLE + CHUNKED + END + b"1\r\nx\r\n" * 5000 + b"0\r\n\r\n", BAD),
    ("chunks of 20 KB", "both", ENABLE + CHUNKED + END + b"1000\r\n" + (b"x" * 4096 + b"\r\n1000\r\n") * 4 + b"x" * 4096 + b"\r\n0\r\n\r\n", [(413, "payload-too-large")]),
    ("no end of the chunks", "both", [ENABLE + CHUNKED + b"\r\n2\r\n{}\r\n", SHUT], CLOSED),
    ("less than announced", "both", [ENABLE + b"Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{}", SHUT], CLOSED),
    ("more than announced", "both", [body(b"[]") + b"garbage\r\n\r\n"], BAD),
    ("a GET with a body", "both", EID + b"Content-Type: application/json\r\nContent-Length: 2\r\n" + END + b"{}", OK),
    ("a GET with a request for a body", "both", EID + b"Content-Length: %d\r\n" % len(SMUGGLED) + END + SMUGGLED, OK),
    ("leave to continue", "both", ENABLE + b"Expect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 2\r\n" + END + b"[]", [(100, None), *BAD]),
    ("leave for too much", "both", ENABLE + b"Expect: 100-continue\r\nContent-Length: 16385\r\n\r\n", [(413, "payload-too-large")]),
    ("another expectation", "both", ENABLE + b"Expect: coffee\r\nContent-Type: application/json\r\nContent-Length: 2\r\n" + END + b"[]", BAD),
    ("an expectation of a GET", "both", EID + b"Expect: 100-continue\r\n" + END, [(100, None), *OK]),
    # Bodies.
    ("16 KiB", "both", body(sized(16 * 1024)), BAD),
    ("16 KiB less one", "both", body(sized(16 * 1024 - 1)), BAD),
    ("16 KiB and one", "both", body(sized(16 * 1024 + 1)), [(413, "payload-too-large")]),
    ("no UTF-8", "both", body(b'{"reason":"\xc3\x28"}'), BAD),
    ("half of a surrogate pair", "both", body(b'{"reason":"\\ud800"}'), BAD),
    ("a byte order mark", "both", body(b"\xef\xbb\xbf{}"), BAD),
    ("UTF-16", "both", body("{}".encode("utf-16")), BAD),
    ("1,000 deep", "both", body(b'{"a":' * 1000 + b"1" + b"}" * 1000), BAD),
    ("16,000 brackets", "both", body(b"[" * 16000), BAD),
    ("a name twice", "both", body(b'{"ttl_s":5,"ttl_s":5}'), BAD),
    ("a name twice, escaped", "both", body(b'{"ttl_s":5,"ttl\\u005fs":5}'), BAD),
    ("something behind", "both", body(b"{}x"), BAD),
    ("NUL behind", "both", body(b"{}\0"), BAD),
    ("only blanks", "both", body(b" " * 100), BAD),
    ("a comment", "both", body(b"/*x*/{}"), BAD),
    ("another charset", "both", ENABLE + b"Content-Type: application/json; charset=utf-16\r\nContent-Length: 2\r\n" + END + b"{}", [(415, "unsupported-media-type")]),
    ("a media type of 10 KB", "both", ENABLE + b"Content-Type: " + b"a" * 10000 + b"\r\nContent-Length: 2\r\n" + END + b"{}", [(415, "unsupported-media-type")]),
    # One behind the other.
    ("a hundred at once", "both", (EID + b"\r\n") * 99 + EID + END, OK * 100),
    ("reads and changes", "both", (EID + b"\r\n" + ENABLE + b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n[]") * 20 + HEALTH + END, [(200, None), *BAD] * 20 + OK),
    ("a request behind the last", "both", EID + END + SMUGGLED, OK),
    ("a broken one between", "both", EID + b"\r\n" + b"GET\r\n\r\n" + EID + END, OK),
    ("half of one behind", "both", [EID + b"\r\n" + EID + b"X: ", SHUT], OK),
]
PLACES = [(row[0], door, *row[2:]) for row in ROWS for door in ("unix", "tcp") if row[1] in (door, "both")]


def at(door, steps):
    """With what that door wants of everyone."""
    steps = [steps] if isinstance(steps, bytes) else steps
    return [step.replace(b"<host>", HOSTS[door]) if isinstance(step, bytes) else step for step in steps]


def assert_unharmed(sim, agent, since):
    assert agent.http("GET", "/healthz")[0] == 200
    agent.check_sanitizers()
    assert not sim.ops(since), "nothing goes to the card"
    assert sim.enabled() == ALPHA


@pytest.mark.parametrize("row", PLACES, ids=[f"{row[1]}-{row[0]}" for row in PLACES])
def test_what_is_sent_gets_its_answer_and_harms_nobody(running, row):
    sim, agent, doors = running
    _, door, steps, wanted = row
    since = sim.last_n()
    got = exchange(doors[door], at(door, steps))
    assert [answer.status for answer in got] == [status for status, _ in wanted], got
    for answer, (_, code) in zip(got, wanted):
        assert code is None or answer.code == code, answer
    assert_unharmed(sim, agent, since)


def dripped(data, pause=0.5):
    """A byte at a time."""
    return [step for i in range(len(data)) for step in (data[i : i + 1], pause)]


# what, what is sent, the answers. A head has 10 s from the connection's begin, a body 10 s from its head.
SLOW = [
    ("a request line", dripped(b"GET /" + b"a" * 80), CLOSED),
    ("a header", [EID + b"X: ", *dripped(b"y" * 80)], CLOSED),
    ("headers", [EID, *[step for n in range(80) for step in (b"X-%d: y\r\n" % n, 0.5)]], CLOSED),
    ("a body", [ENABLE + b"Content-Length: 99\r\n\r\n", *dripped(b"{" * 80)], CLOSED),
    ("chunks", [ENABLE + CHUNKED + b"\r\n", *[step for n in range(80) for step in (b"1\r\nx\r\n", 0.5)]], CLOSED),
    ("line ends", dripped(b"\r\n" * 40), CLOSED),
    ("nothing", [], CLOSED),
    ("in time", [EID, *dripped(b"X: 1234567\r\n"[:10]), b"\r\n" + END], OK),
    ("in time, too", [ENABLE + b"Content-Type: application/json\r\nContent-Length: 4\r\n" + END, *dripped(b"[1]", 1), b"]"], BAD),
]


@pytest.mark.parametrize("door", ["unix", "tcp"])
def test_slow_ones_have_their_time_and_no_more(running, door):
    sim, agent, doors = running
    since = sim.last_n()

    def one(row):
        begun = time.monotonic()
        got = exchange(doors[door], at(door, row[1]))
        return [(answer.status, answer.code) for answer in got], time.monotonic() - begun

    with concurrent.futures.ThreadPoolExecutor(len(SLOW)) as pool:
        results = list(pool.map(one, SLOW))
    for (what, _, wanted), (got, took_s) in zip(SLOW, results):
        assert got == wanted, what
        # It may be nearer to its end than the clock of the agent's rounds tells.
        assert wanted or 9 < took_s < 30 * harness.SLOW, (what, took_s)
    assert_unharmed(sim, agent, since)


@pytest.mark.parametrize(
    "last_id",
    [b"x" * 10000, b"\x01\x02\x7f", b"0-99999999999999999999999999", b"-1", b"\xff\xfe", b"00000000-\t1", b""],
    ids=["10-KB", "control", "overflow", "negative", "no-UTF-8", "tab", "empty"],
)
def test_an_odd_last_event_id(running, last_id):
    sim, agent, doors = running
    since = sim.last_n()
    with dial(doors["unix"]) as s:
        send(s, b"GET /v1/events HTTP/1.1\r\nHost: lpm\r\nLast-Event-ID: " + last_id + b"\r\n\r\n")
        heard = b""
        while b"retry: 3000" not in heard:
            part = s.recv(65536)
            assert part, heard
            heard += part
        assert heard.startswith(b"HTTP/1.1 200 ")
    assert_unharmed(sim, agent, since)


def test_a_head_is_an_answer_without_its_body(running):
    _, agent, doors = running
    for path in (b"/v1/eid", b"/v1/profiles", b"/healthz", b"/v1/nothing"):
        for door in ("unix", "tcp"):
            whole = exchange(doors[door], at(door, get(path)))[0]
            head = exchange(doors[door], at(door, get(path).replace(b"GET", b"HEAD")), is_head=True)[0]
            assert head.status == whole.status and not head.body
            assert head.headers["content-length"] == str(len(whole.body))
