"""A broker that is hostile, and senders that are: bounded, nothing run that nobody asked for, and the
local door stays open."""

import contextlib
import hashlib
import itertools
import os
import re
import signal
import sqlite3
import ssl
import subprocess
import threading
import time
from http.client import HTTPException
from pathlib import Path

import pytest

import harness
from harness import ALPHA, BETA, GAMMA, SLOW, wait_until
from hostile_broker import (
    AUTH,
    CONNACK,
    CONNECT,
    DISCONNECT,
    PINGRESP,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    UNSUBACK,
    HostileBroker,
    ack,
    connack,
    correlation,
    disconnect,
    expiry,
    packet,
    properties,
    publish,
    response_topic,
    suback,
    text,
)
from truth import ENDED, P, Clock, Killer, enables, needs_preload, quick_sim

SANITIZED = bool(os.environ.get("LPM_SANITIZE"))
# Over what it has at idle. A sanitizer keeps what was freed, and a shadow of everything.
ROOM_KIB = (32 if not SANITIZED else 256) * 1024
# That a second storm may take over the first: the heap's own unevenness.
UNEVEN_KIB = (4 if not SANITIZED else 128) * 1024
ANSWER_S = 5 * SLOW
# What it may have open over idle: a connection that comes and one that goes, the test's own requests.
FDS = 12
# The library's: some hundred bytes a connection that is lost with messages on their way.
LEAKS = Path(__file__).resolve().parent.parent / "lsan.supp"
YEAR_S = 365 * 86400
PACKET_MAX = 64 * 1024
COMMANDS_A_SECOND = 10000


def req(op, number, verb="req"):
    return f"{P}/cmd/{op}/{number}/{verb}"


def status(op, number):
    return f"{P}/cmd/{op}/{number}/status"


def enable(iccid):
    return f'{{"iccid":"{iccid}"}}'.encode()


# --- the stage ---


class Watch:
    """Asks the local door every 100 ms while something happens, and looks at the process."""

    def __init__(self, agent):
        self.agent = agent
        self.longest = 0.0
        self.answers = 0
        self.failures = []
        self.peak_kib = 0
        self.peak_fds = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def resident_kib(self):
        with open(f"/proc/{self.agent.process.pid}/status", encoding="ascii") as lines:
            return int(lines.read().split("VmRSS:")[1].split()[0])

    def open_fds(self):
        return len(os.listdir(f"/proc/{self.agent.process.pid}/fd"))

    def _ask(self, path):
        begun = time.monotonic()
        try:
            code = self.agent.http("GET", path, timeout=ANSWER_S)[0]
        except (OSError, HTTPException) as e:
            self.failures.append(f"{path}: {e!r}")
            return
        self.longest = max(self.longest, time.monotonic() - begun)
        self.answers += 1
        if code != 200:
            self.failures.append(f"{path}: {code}")

    def _run(self):
        while not self._end.is_set():
            for path in ("/healthz", "/v1/eid"):
                self._ask(path)
            self.peak_kib = max(self.peak_kib, self.resident_kib())
            self.peak_fds = max(self.peak_fds, self.open_fds())
            self._end.wait(0.1)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *ignored):
        self._end.set()
        self._thread.join()


class Stage:
    """Simulator, hostile broker and agent; `idle` is what the agent has when nothing happens."""

    def __init__(self, lab, config=None, env=None, overrides=None, **more):
        self.lab = lab
        self.sim = lab.sim(None, quick_sim(overrides))
        self.broker = HostileBroker(**more)
        options = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
        base = {
            "log.level": "info",
            "telemetry.sample_s": 3600,
            "mqtt.reconnect_max_s": 1,
            "mqtt.version": "5",  # it speaks no other, and hangs up often enough to be taken for old
            "mqtt.outbox_max_kib": 256,
            "switch.verify": "attached",
        }
        self.agent = lab.agent(
            self.sim, mqtt_port=self.broker.port, config={**base, **(config or {})},
            env={"ASAN_OPTIONS": options, "LSAN_OPTIONS": f"suppressions={LEAKS}", **(env or {})},
        )
        self.agent.wait_ready()
        self.numbers = itertools.count(1)
        self.enables = 0
        self.good()
        idle = Watch(self.agent)
        self.idle_kib, self.idle_fds = idle.resident_kib(), idle.open_fds()

    @contextlib.contextmanager
    def watched(self):
        """What has to be true of the agent whatever the broker does meanwhile."""
        with Watch(self.agent) as watch:
            yield watch
        assert self.agent.running(), self.agent.complain("it ended")
        assert not watch.failures, watch.failures
        assert watch.answers >= 2 and watch.longest < ANSWER_S
        assert watch.peak_kib - self.idle_kib < ROOM_KIB, (self.idle_kib, watch.peak_kib)
        assert watch.peak_fds <= self.idle_fds + FDS, (self.idle_fds, watch.peak_fds)
        self.nothing_ran()

    def nothing_ran(self):
        """But what a test said it had asked for, and nothing was told where nobody may listen."""
        assert enables(self.sim) == self.enables
        assert not self.broker.offenders, self.broker.offenders[:10]

    def session(self, play=None, **more):
        """Begins a new connection; the session, once the agent is online over it where it can be."""
        before = self.broker.play(play, **more)
        if "greeting" in more or "subscribes" in more:
            return self.broker.next_session(before)
        for n in itertools.count(before):
            session = self.broker.next_session(n)
            wait_until(lambda s=session: s.online.is_set() or s.closed.is_set(), what="it is online")
            if session.online.is_set():
                return session

    def read(self, session, timeout=30):
        """A command over this connection, and its answer."""
        number = f"g{next(self.numbers)}"
        assert session.send(publish(req("get-eid", number), mid=60000))
        told = self.broker.wait(
            lambda m: m.topic == status("get-eid", number), timeout, f"the answer to {number}"
        )
        assert told.payload["state"] == "succeeded", told
        return told

    def good(self):
        """A good broker again, and a command over it."""
        session = self.session()
        self.read(session)
        return session


@pytest.fixture(scope="module")
def stage():
    with harness.Lab() as lab:
        a_stage = Stage(lab)
        yield a_stage
        a_stage.good()
        # SIGTERM, after all of it.
        a_stage.agent.stop()
        a_stage.broker.close()


@pytest.fixture
def a_stage(lab):
    """stage(config=…), of this test alone."""
    made = []

    def make(**more):
        made.append(Stage(lab, **more))
        return made[-1]

    yield make
    for one in made:
        one.broker.close()


# --- packets ---

NOT_FOR_US = "not for us"
MALFORMED = "malformed"
TOO_LARGE = "more than 64 KiB"
EID = req("get-eid", "1")


def sized(topic, size):
    """A PUBLISH of so many bytes, all counted."""
    around = len(publish(topic)) + 2  # the length of a large one has two bytes more
    whole = publish(topic, b"x" * (size - around))
    assert len(whole) == size
    return whole


# what, why in the log (None: the broker's own end, or the library's), the packets
FATAL = [
    ("QoS 2", NOT_FOR_US, publish(EID, qos=2)),
    ("QoS 3", NOT_FOR_US, publish(EID, qos=3)),
    ("CONNACK twice", NOT_FOR_US, connack()),
    ("CONNECT", NOT_FOR_US, packet(CONNECT)),
    ("AUTH", NOT_FOR_US, packet(AUTH, b"\x18\x00")),
    ("PUBREC of nothing", NOT_FOR_US, ack(PUBREC, 9)),
    ("PUBREL of nothing", NOT_FOR_US, ack(PUBREL, 9, flags=2)),
    ("PUBCOMP of nothing", NOT_FOR_US, ack(PUBCOMP, 9)),
    ("UNSUBACK", NOT_FOR_US, packet(UNSUBACK, b"\0\1\0\0")),
    ("type 0", NOT_FOR_US, b"\0\0"),
    ("a length of five bytes", MALFORMED, b"\x30\xff\xff\xff\xff\x01"),
    ("SUBACK without a code", MALFORMED, suback(1, b"")),
    ("PUBACK of a byte", MALFORMED, packet(PUBACK, b"\0")),
    ("PUBACK, properties run over", MALFORMED, packet(PUBACK, b"\0\1\0\x7f\x1f")),
    ("empty PUBLISH", MALFORMED, packet(PUBLISH, b"", 2)),
    ("topic runs over", MALFORMED, packet(PUBLISH, b"\xff\xffabc", 2)),
    ("no packet id", MALFORMED, packet(PUBLISH, text(EID), 2)),
    ("properties run over", MALFORMED, publish(EID, props=b"\x7f\x02\0\0\0\1")),
    ("properties without an end", MALFORMED, publish(EID, props=b"\xff\xff\xff\xff\x7f")),
    ("a property cut short", MALFORMED, publish(EID, props=properties(b"\x02\0"))),
    ("a text that runs over", MALFORMED, publish(EID, props=properties(b"\x08\xff\xffab"))),
    ("unknown property", MALFORMED, publish(EID, props=properties(b"\x7e\0\0"))),
    ("a long topic, bad properties", MALFORMED, publish("x" * 60000, props=b"\x7f\x02")),
    ("Server Reference", None, disconnect(0x9C, properties(b"\x1c" + text("127.0.0.1:1")))),
    ("Server Moved", None, disconnect(0x9D, properties(b"\x1c" + text("evil.example")))),
    ("DISCONNECT, properties run over", MALFORMED, packet(DISCONNECT, b"\x9c\x7f\x1c\0")),
    ("a byte over our maximum", TOO_LARGE, sized(EID, PACKET_MAX + 1)),
    ("50 MB", TOO_LARGE, publish(EID, b"x" * 50_000_000)),
    ("noise", NOT_FOR_US, b"\xa5\x05" * 50_000),
]


def refusals(stage, why):
    return len(re.findall(re.escape(why), stage.agent.stderr()))


@pytest.mark.parametrize("part", range(3))
def test_packets_that_end_the_connection(stage, part):
    """Each on a connection of its own; the agent gives that up, says why, and comes back."""
    with stage.watched():
        for what, why, data in FATAL[part::3]:
            before = refusals(stage, why) if why else 0
            session = stage.session()
            session.send(data)
            assert session.closed.wait(30 * SLOW), f"{what}: the connection goes on"
            if why:
                wait_until(lambda: refusals(stage, why) > before, what=f"{what}: {why}")
        stage.good()


# what, the answer to CONNECT, whether the connection has to end by that
GREETINGS = [
    ("empty CONNACK", [packet(CONNACK)], True),
    ("CONNACK, properties run over", [packet(CONNACK, b"\0\0\x7f\x21")], True),
    ("SUBACK", [suback(1)], True),
    ("PUBLISH of a command", [publish(req("enable-profile", "early"), enable(BETA))], True),
    ("one behind a refusal", [connack(0x87), publish(req("enable-profile", "early"), enable(BETA))], True),
    ("PUBACK", [ack(PUBACK, 1)], True),
    ("DISCONNECT", [disconnect(0x8B)], True),
    ("PINGRESP", [packet(PINGRESP)], True),
    ("Receive Maximum 0", [connack(props=properties(b"\x21\0\0"))], False),
    ("Maximum Packet Size 0", [connack(props=properties(b"\x27\0\0\0\0"))], False),
    ("Maximum Packet Size 10", [connack(props=properties(b"\x27\0\0\0\x0a"))], False),
    ("noise", [b"\xa5\x05" * 1000], True),
]


def test_greetings(stage):
    with stage.watched():
        for what, greeting, ends in GREETINGS:
            session = stage.session(greeting=greeting)
            ended = session.closed.wait(30 * SLOW if ends else 0.5)
            assert ended or not ends, f"{what}: the connection goes on"
        stage.good()
    rows = stage.agent.http("GET", "/v1/operations")[2]["operations"]
    assert not [r for r in rows if r["source"].get("request") == "early"], "before the CONNACK"


def test_out_of_order(stage):
    """What is odd and harmless: the connection goes on."""
    with stage.watched():
        session = stage.session(subscribes=False)
        wait_until(lambda: session.subscribe_mid, what="it subscribes")
        mid = session.subscribe_mid
        # A session that is taken up again delivers before the SUBACK.
        session.send(publish(req("get-eid", "before"), mid=1))
        session.send(suback(mid), suback(mid), suback(mid ^ 0x5555))
        stage.broker.wait(lambda m: m.topic == status("get-eid", "before"))
        session.send(b"".join(ack(PUBACK, n) for n in range(20000, 65536)))
        session.send(packet(PINGRESP) * 100)
        stage.read(session)
        assert not session.closed.is_set()


# --- sizes ---


def test_the_largest_packet_is_answered(stage):
    with stage.watched():
        session = stage.session()
        session.send(sized(req("enable-profile", "large"), PACKET_MAX))
        told = stage.broker.wait(lambda m: m.topic == status("enable-profile", "large")).payload
        assert (told["state"], told["error"]["code"]) == ("rejected", "payload-too-large")
        # As many texts as fit into one.
        pairs = (PACKET_MAX - 200) // 5
        for mid in range(1, 4):
            props = properties(b"\x26\0\0\0\0" * pairs)
            session.send(publish(req("get-eid", f"pairs{mid}"), mid=mid, props=props))
        stage.broker.wait(lambda m: m.topic == status("get-eid", "pairs3"))
        assert not session.closed.is_set()


def test_a_length_of_256_mb_that_trickles(stage):
    """No memory is taken for what was only announced, and it is not waited for."""
    head = b"\x32\xff\xff\xff\x7f"
    with stage.watched():
        session = stage.session()
        session.trickle(head + b"x" * 30, 0.1)
        assert session.closed.wait(30 * SLOW)
        stage.good()


def test_what_was_too_large_does_not_come_for_ever(a_stage):
    """A broker that does not know our maximum would send it again at each connection: the session is
    begun anew."""
    stage = a_stage()
    first = stage.session()
    assert not first.clean_start
    before = len(stage.broker.sessions)
    first.send(publish(EID, b"x" * PACKET_MAX))
    assert first.closed.wait(30 * SLOW)
    second = stage.broker.next_session(before)
    wait_until(lambda: second.clean_start is not None, what="the next CONNECT")
    assert second.clean_start is True
    stage.read(stage.broker.online())
    assert stage.session().clean_start is False


def test_the_same_over_tls(a_stage, lab):
    """The library reads by another function there."""
    key, cert = lab.folder / "key.pem", lab.folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert,
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    probe = harness.free_port()
    stage = a_stage(
        context=context, port=probe,
        config={"mqtt.uri": f"mqtts://localhost:{probe}", "mqtt.ca_file": str(cert)},
    )
    with stage.watched():
        for data, why in (
            (publish(EID, b"x" * 50_000_000), TOO_LARGE),
            (publish(EID, qos=2), NOT_FOR_US),
            (publish(EID, props=b"\x7f\x02"), MALFORMED),
        ):
            session = stage.session()
            session.send(data)
            assert session.closed.wait(30 * SLOW)
            wait_until(lambda w=why: w in stage.agent.stderr(), what=why)
        stage.good()
    # An orderly end is one, too.
    stage.session().close()
    stage.good()


# --- topics ---

X65 = "x" * 65
ODD = [
    *(
        req("enable-profile", number)
        for number in (
            "+", "#", "$SYS", "", "../../x", "a b", "a%2fb", "%00", "%2e%2e", X65, "x" * 60000,
            "é", "ｅ", "\u202e", "\U0001f4a3", "a\tb", "a\nb", "a\0b", "a'b", 'a"b', "a\\b", "a;b", "{}",
        )
    ),
    f"{P}/cmd/enable-profile/+", f"{P}/cmd/#", f"{P}/cmd/+/+/req", f"{P}/cmd", f"{P}/cmd/", f"{P}//",
    f"{P}/cmd/enable-profile//req", f"{P}/cmd//x/req", f"{P}//cmd/enable-profile/x/req",
    f"/{req('enable-profile', 'x')}", f"{req('enable-profile', 'x')}/", f"{req('enable-profile', 'x')}/req",
    f"{P}/cmd/Enable-Profile/x/req", f"{P}/cmd/enable-profile/x/REQ", f"{P}/cmd/enable-profile/x/",
    f"{P}/cmd/enable-profile\0/x/req", f"{P}/cmd/{'e' * 40}/x/req", f"{P}/cmd/get-eid/x/cancel",
    f"{P}x/cmd/enable-profile/x/req", f"{P[:-1]}2/cmd/enable-profile/x/req",
    "esim/v1/other/cmd/enable-profile/x/req", "esim/v1/+/cmd/enable-profile/x/req",
    "$SYS/broker/uptime", "$share/g/" + req("enable-profile", "x"), "", "/", "#", "+", "a" * 60000,
    # Our own, echoed.
    f"{P}/status/health", f"{P}/info", f"{P}/twin/esim", f"{P}/e/switch", status("enable-profile", "x"),
    status("get-eid", "g1"),
]
BYTES = [b"\xff\xfe", P.encode() + b"/cmd/enable-profile/\xc0\xaf/req", b"\xed\xa0\x80", b"\0" * 100]


def test_topics_that_are_not_ours(stage):
    """Not run, not answered, and the connection goes on: whoever may publish cannot end it."""
    with stage.watched():
        session = stage.session()
        before = stage.broker.told_count
        for mid, topic in enumerate(ODD + BYTES, 1):
            session.send(publish(topic, enable(BETA), mid=mid))
        session.send(publish("", enable(BETA), mid=9000, props=properties(b"\x23\0\x01")))
        stage.read(session)
        assert not session.closed.is_set()
        # All were acknowledged: none comes again.
        assert set(range(1, len(ODD + BYTES) + 1)) | {9000} <= set(session.acked)
        told = {m.topic for m in stage.broker.told()[before - stage.broker.told_count :]}
        assert {t for t in told if "/cmd/" in t} == {status("get-eid", t.split("/")[5]) for t in told
                                                    if "/cmd/get-eid/g" in t}


def test_ids_that_are_odd_and_ours(stage):
    """Dots are letters of an id: answered under it, and nowhere else."""
    with stage.watched():
        session = stage.session()
        for number in (".", "..", "...", "-", "_", "x" * 64):
            session.send(publish(req("get-eid", number)))
            stage.broker.wait(lambda m, n=number: m.topic == status("get-eid", n))


# --- floods ---


def batches(make):
    """Of a hundred commands each, without an end."""
    for first in itertools.count(0, 100):
        yield b"".join(make(n, n % 59000 + 1) for n in range(first, first + 100))


def offer(session, commands, until):
    """COMMANDS_A_SECOND, or as many as the agent takes."""
    begun = time.monotonic()
    for batch in commands:
        while session.sent > (time.monotonic() - begun) * COMMANDS_A_SECOND:
            time.sleep(0.002)
        if time.monotonic() > until or not session.send(batch):
            break
        session.sent += 100


def flood(stage, make, seconds=1.0):
    """Over whatever connection there is meanwhile; (sent, acknowledged)."""
    first = next(batches(make))
    count = max(1, min(int(seconds * COMMANDS_A_SECOND) // 100, 40_000_000 // len(first)))
    ready = list(itertools.islice(batches(make), count))
    sessions, ends = [], []

    def play(session):
        session.online.wait(30 * SLOW)
        sessions.append(session)
        ends.append(time.monotonic() + (1 + seconds) * SLOW)
        offer(session, ready, ends[0])

    stage.broker.play(play)
    is_over = lambda: ends and time.monotonic() > ends[0] and any(s.acked for s in sessions)
    wait_until(
        lambda: is_over() or any(len(s.acked) >= count * 100 for s in sessions),
        60,
        "all was acknowledged, or it is time",
    )
    return sum(s.sent for s in sessions), sum(len(s.acked) for s in sessions)


def fresh(prefix):
    unique = time.monotonic_ns()
    return lambda n: f"{prefix}{unique}-{n}"


def reads(answer_to=None):
    number = fresh("r")
    ops = ("get-eid", "list-profiles", "get-connectivity", "get-steering")
    return lambda n, mid: publish(
        req(ops[n % 4], number(n)), b'{"refresh":true}' if n % 8 == 0 else b"", mid=mid,
        props=properties(response_topic(f"answers/{number(n)}"), correlation(b"c" * 100))
        if answer_to else properties(),
    )


def enables_of(iccid, number=None):
    number = number or fresh("e")
    return lambda n, mid: publish(
        req("enable-profile", number(n)), enable(iccid), mid=mid, props=properties(expiry(60))
    )


BAD_PAYLOADS = [
    b"{", b"[]", b"\xff\xfe", b'{"iccid":1}', b'{"iccid":"8949001312170061988","iccid":"8949001312170061988"}',
    b"[" * 4000, b'{"a":' * 700, b'{"iccid":"\\u0000"}', b"1e999", b"x" * 5000, b'{"iccid":"8949001312170061988"}x',
    b'{"iccid":"8949001312170061988","force":true}', b'{"iccid":"8949001312170061988","ttl_s":0}',
]


def malformed():
    number = fresh("m")
    return lambda n, mid: publish(
        req("enable-profile", number(n)), BAD_PAYLOADS[n % len(BAD_PAYLOADS)], mid=mid
    )


def words():
    """Cancel and confirm, of nothing and of what is long over."""
    number = fresh("w")
    return lambda n, mid: publish(
        req("enable-profile", "once" if n % 2 else number(n), ("cancel", "confirm")[n // 2 % 2]), mid=mid
    )


def locks():
    return lambda n, mid: publish(
        req(("lock-switch", "unlock-switch")[n % 2], "l"),
        b'{"holder":"h","ttl_s":60}' if n % 2 == 0 else b'{"holder":"h"}', mid=mid,
    )


def retained():
    number = fresh("t")
    return lambda n, mid: publish(req("enable-profile", number(n)), enable(GAMMA), mid=mid, retain=True)


def correlations():
    number = fresh("c")
    props = properties(response_topic("answers/c"), correlation(b"c" * 60000))
    return lambda n, mid: publish(req("get-eid", number(n)), mid=mid, props=props)


FORBIDDEN = [
    f"{P}/cmd", req("enable-profile", "planted"), req("enable-profile", "once", "cancel"), f"{P}/cmd/x",
    "$share/g/x", "$SYS/x", "a/+/b", "#", "+", "", "a\0b", "x" * 600, "é\nx",
]


def forbidden_answers():
    number = fresh("f")
    return lambda n, mid: publish(
        req("get-eid", number(n)), mid=mid,
        props=properties(response_topic(FORBIDDEN[n % len(FORBIDDEN)]), correlation(b"x")),
    )


FLOODS = {
    "reads": lambda: reads(),
    "response topics": lambda: reads(answer_to=True),
    "forbidden response topics": forbidden_answers,
    "correlation data": correlations,
    "enables of what is in use": lambda: enables_of(ALPHA),
    "repeats": lambda: enables_of(ALPHA, lambda n: "once"),
    "reused ids": lambda: enables_of(GAMMA, lambda n: "once"),
    "malformed": malformed,
    "cancel and confirm": words,
    "locks": locks,
    "retained": retained,
}


@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood(stage, kind):
    # Of what is in use: there is nothing to do.
    stage.broker.online().send(publish(req("enable-profile", "once"), enable(ALPHA)))
    stage.broker.wait(lambda m: m.topic == status("enable-profile", "once"))
    peaks = []
    for _ in range(2):
        with stage.watched() as watch:
            sent, acked = flood(stage, FLOODS[kind]())
            print(f"{kind}: {sent} sent, {acked} acknowledged, peak {watch.peak_kib} KiB, "
                  f"longest {watch.longest:.2f} s, {watch.answers} answers")
            stage.good()
        peaks.append(watch.peak_kib)
    assert acked > 0
    assert peaks[1] - peaks[0] < UNEVEN_KIB, f"it grows: {peaks}"
    if kind == "response topics":
        assert any(m.topic.startswith("answers/") for m in stage.broker.told())
    if kind == "locks":
        stage.agent.http("DELETE", "/v1/locks/switch?force=true")


def test_a_flood_of_enables_makes_one_switch(a_stage):
    """Each with an id of its own: the first runs, the others come too early or too late."""
    stage = a_stage()
    stage.enables = 1
    with Watch(stage.agent) as watch:
        flood(stage, enables_of(BETA), 2)
        wait_until(lambda: stage.sim.enabled() == BETA, 60, "the switch")
        stage.good()
    assert not watch.failures, watch.failures
    rows = stage.agent.http("GET", "/v1/operations?state=running")[2]["operations"]
    for row in rows:
        stage.agent.wait_operation(row["id"])
    with stage.watched():
        flood(stage, enables_of(BETA), 1)
        stage.good()
    stage.sim.check()


def test_retained_commands_at_every_connect(a_stage):
    stage = a_stage()
    make = retained()
    batch = b"".join(make(n, n) for n in range(1, 2001))
    with stage.watched():
        for _ in range(3):
            session = stage.session(lambda s: s.online.wait(10 * SLOW) and s.send(batch))
            wait_until(lambda: len(session.acked) >= 2000, 60, "all were acknowledged")
        stage.good()
    told = [m.payload for m in stage.broker.told() if "/cmd/enable-profile/" in m.topic]
    assert told and all(t["state"] == "rejected" for t in told)


def test_stopped_in_a_flood(a_stage):
    stage = a_stage()
    until = time.monotonic() + 30 * SLOW
    session = stage.session()
    sender = threading.Thread(target=offer, args=(session, batches(reads()), until), daemon=True)
    sender.start()
    wait_until(lambda: len(session.acked) > 100, what="the flood is on")
    stage.agent.stop()
    sender.join()


# --- how it is acknowledged ---


@pytest.mark.parametrize("reason", [None, 0x97, 0x87], ids=["withheld", "quota", "refused"])
def test_nothing_of_ours_is_taken(a_stage, reason):
    """Messages wait, are put off or set aside; memory has an end, and no message is sent in a loop."""
    stage = a_stage()
    with stage.watched() as watch:
        before = stage.broker.play(lambda s: None, puback=reason)
        session = stage.broker.next_session(before)
        session.online.wait(30 * SLOW)
        offer(session, batches(reads()), time.monotonic() + 1.5 * SLOW)
        told = stage.broker.told_count
        time.sleep(1.5 * SLOW)
        again = stage.broker.told_count - told
        print(f"{reason}: {again} in the silence after it, peak {watch.peak_kib}")
        if reason != 0x87:
            # In flight at most; with quota a second time each, after their waits.
            assert again <= 16 if reason is None else again < 4000
        stage.good()


@needs_preload
def test_acks_that_are_withheld_for_long(a_stage, lab):
    """Half a minute without one: the connection is made anew, once, and not given up for good."""
    clock = Clock(lab)
    stage = a_stage(env=clock.env)
    session = stage.session(puback=None)
    wait_until(lambda: session.online.is_set(), what="it is online")
    clock.set_boot(40)
    session.send(publish(req("get-eid", "wakes"), mid=1))
    assert session.closed.wait(30 * SLOW)
    assert "the broker is silent" in stage.agent.stderr()
    count = len(stage.broker.sessions)
    again = stage.broker.online()
    time.sleep(1)
    assert not again.closed.is_set() and len(stage.broker.sessions) <= count + 1
    stage.good()


# --- connections ---


@pytest.mark.parametrize("when", ["CONNECT", "CONNACK", "SUBSCRIBE", "PUBLISH"])
def test_closed_after_each_packet(a_stage, when):
    """The waits grow: no loop."""
    stage = a_stage(config={"mqtt.reconnect_max_s": 300})

    def play(session):
        if when == "SUBSCRIBE":
            session.online.wait(10 * SLOW)
        if when == "PUBLISH":
            wait_until(lambda: PUBLISH in session.kinds or session.closed.is_set())
        session.close()

    greeting = [b""] if when == "CONNECT" else [connack()]
    with stage.watched():
        before = stage.broker.play(play, greeting=greeting)
        time.sleep(3 * SLOW)
        # Full jitter from 1 s on, doubling: two or three are likely, a dozen is a loop.
        assert 0 <= len(stage.broker.sessions) - before <= 10 * SLOW
    stage.broker.play()


def test_a_connack_that_trickles(a_stage):
    """A byte a second: given up, and tried again after a wait."""
    stage = a_stage(config={"switch.verify_s": 6})
    slow = connack(props=properties(b"\x1f" + text("w" * 100)))
    with stage.watched():
        before = stage.broker.play(lambda s: s.trickle(slow, 1), greeting=[])
        session = stage.broker.next_session(before)
        assert session.closed.wait(40 * SLOW), "it waits for ever"
        stage.broker.next_session(before + 1)
    stage.broker.play()
    stage.read(stage.broker.online())


# --- what was acknowledged is kept ---



def killed_at(stage, session, mid):
    """Waits for its death; whether the broker has the PUBACK."""
    process = stage.agent.process
    wait_until(lambda: process.poll() is not None, 60, "it is killed")
    assert process.returncode == -signal.SIGKILL
    stage.agent.process = None
    assert session.closed.wait(10 * SLOW)
    return mid in session.acked


def known(stage, key):
    rows = stage.agent.http("GET", "/v1/operations?limit=100")[2]["operations"]
    return [row for row in rows if row["source"].get("request") == key]


def comes_again(stage, key, seen):
    """The agent that starts knows what was acknowledged; sent again, it is run once in all."""
    stage.broker.play()
    stage.agent.start()
    if seen:
        assert known(stage, key), "acknowledged, and not on disk"
    session = stage.broker.online()
    session.send(publish(req("enable-profile", key), enable(BETA), mid=5, dup=True))
    ended = wait_until(
        lambda: [r for r in known(stage, key) if r["state"] in ENDED], 120, "the end"
    )
    assert len(ended) == 1 and ended[0]["state"] == "succeeded", ended
    assert enables(stage.sim) == 1 and stage.sim.enabled() == BETA


@needs_preload
@pytest.mark.parametrize("boundary", ["sync:1:before", "puback:1:before", "puback:1:after"])
def test_killed_around_the_puback(a_stage, lab, boundary):
    killer = Killer(lab.folder)
    stage = a_stage(env=killer.env)
    time.sleep(1)  # nothing else is written by now
    session = stage.session()
    killer.arm(boundary)
    session.send(publish(req("enable-profile", "d1"), enable(BETA), mid=5))
    seen = killed_at(stage, session, 5)
    assert seen == (boundary == "puback:1:after"), "acknowledged before it is on disk"
    killer.disarm()
    comes_again(stage, "d1", seen)


def test_killed_as_soon_as_the_puback_is_seen(a_stage):
    """By the broker itself."""
    stage = a_stage()
    session = stage.session()
    session.on_ack = lambda mid: mid == 5 and os.kill(stage.agent.process.pid, signal.SIGKILL)
    session.send(publish(req("enable-profile", "d1"), enable(BETA), mid=5))
    assert killed_at(stage, session, 5)
    comes_again(stage, "d1", True)


def test_a_lock_that_was_acknowledged_is_kept(a_stage):
    stage = a_stage()
    session = stage.session()
    session.on_ack = lambda mid: mid == 5 and os.kill(stage.agent.process.pid, signal.SIGKILL)
    session.send(publish(req("lock-switch", "l1"), b'{"holder":"h","ttl_s":600}', mid=5))
    assert killed_at(stage, session, 5)
    stage.broker.play()
    stage.agent.start()
    assert stage.agent.http("GET", "/v1/locks/switch")[2]["holder"] == "h"
    stage.agent.wait_ready()


def files(stage):
    """What is in the folder of the state, less the number of the connection, and who reads where in the
    journal (-shm: memory, not disk)."""
    folder = stage.agent.folder / "state"
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name not in ("mqtt-session", "journal.db-shm")
    }


def at_rest(stage):
    """Once what the start had to tell is told, and off the disk."""

    def look():
        before = files(stage)
        time.sleep(1)
        return before if files(stage) == before else None

    return wait_until(look, what="nothing is written any more")


def rows(stage):
    path = stage.agent.folder / "state" / "journal.db"
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        tables = [r[0] for r in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {t: db.execute(f"SELECT * FROM {t}").fetchall() for t in sorted(tables)}


def test_reads_leave_no_trace(a_stage):
    stage = a_stage()
    session = stage.session()
    stage.read(session)
    before, content = at_rest(stage), rows(stage)
    assert content["operations"] == []
    numbers = itertools.count(1)

    def ask_all(payload):
        for op in ("get-eid", "list-profiles", "get-connectivity", "get-steering", "plan-profile"):
            n = next(numbers)
            said = enable(BETA) if op == "plan-profile" else payload
            session.send(publish(req(op, f"q{n}"), said, mid=n))
            stage.broker.wait(lambda m, t=status(op, f"q{n}"): m.topic == t, 60)

    for _ in range(20):
        ask_all(b"")
    assert files(stage) == before
    # The channel that is opened on the card is written down while it is, with the journal's clock.
    ask_all(b'{"refresh":true}')
    after = rows(stage)
    del content["clock"], after["clock"]
    assert after == content


# --- when a command is too old ---


def test_expiry_is_counted_on_a_clock_of_its_own(a_stage, lab):
    """A step of the wall clock neither ends nor prolongs it, whoever said when; `expires_at` counts only
    where the clock is set; without a word it is 900 s."""
    if SANITIZED:
        pytest.skip("sanitizers do not take a preloaded library")
    clock = Clock(lab)
    stage = a_stage(env=clock.env)
    stage.sim.vanish()
    wait_until(lambda: stage.agent.http("GET", "/readyz")[0] == 503, what="modem-absent")
    session = stage.broker.online()
    wall_s = boot_s = 0

    def stamp(ahead_s):
        now = time.time() + wall_s + ahead_s
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)).encode()

    def at(s):
        return b'{"iccid":"%s","expires_at":"%s"}' % (BETA.encode(), stamp(s))

    ttl = b'{"iccid":"%s","ttl_s":600}' % BETA.encode()
    # what, the step that comes before it and the one after it (years), payload, properties, lives (s)
    table = [
        ("expiry, 10 on", 0, 10, lambda: enable(BETA), properties(expiry(600)), 600),
        ("expiry, 20 back", 10, -10, lambda: ttl, properties(expiry(300)), 300),
        ("ttl_s, 20 on", -10, 10, lambda: ttl, properties(), 600),
        ("ttl_s, to 1970", 0, -56, lambda: ttl, properties(), 600),
        ("expires_at, 10 on", 0, 10, lambda: at(600), properties(), 600),
        ("expires_at, 10 back", 0, -10, lambda: at(600), properties(), 600),
        ("expires_at, no clock", -56, -56, lambda: at(-1e6), properties(), 900),
        ("expires_at, no clock, then set", -56, 0, lambda: at(60), properties(), 900),
        ("no word", 0, 0, lambda: enable(BETA), properties(), 900),
        ("no word, 10 on", 0, 10, lambda: enable(BETA), properties(), 900),
    ]
    for n, (what, first, second, payload, props, lives_s) in enumerate(table):
        wall_s = first * YEAR_S
        clock.set_wall(wall_s)
        topic = status("enable-profile", f"x{n}")
        session.send(publish(req("enable-profile", f"x{n}"), payload(), mid=n + 1, props=props))
        number = stage.broker.wait(lambda m, t=topic: m.topic == t, 30, what).payload["id"]
        clock.set_wall(second * YEAR_S)
        for later_s, state in ((lives_s - 60, "accepted"), (61 + 60 * SLOW, "expired")):
            boot_s += later_s
            clock.set_boot(boot_s)
            stage.agent.http("GET", "/v1/profiles", {"Cache-Control": "no-cache"})
            if state == "expired":
                op = stage.agent.wait_operation(number, timeout=60)
            else:
                time.sleep(0.2)
                op = stage.agent.operation(number)
            assert op["state"] == state, (what, op)
        if stage.broker.sessions[-1] is not session or session.closed.is_set():
            session = stage.broker.online()
    assert enables(stage.sim) == 0
    clock.set_wall(0)
    stage.sim.come_back()
    stage.agent.wait_ready()
