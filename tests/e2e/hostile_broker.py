"""A broker that does what no broker may: every byte it sends is the test's.

It speaks just enough MQTT 5 to be taken for one: it reads what the agent sends, and answers as a good
broker would wherever the test says nothing else.

    broker = HostileBroker()
    broker.play(lambda s: s.send(publish(f"{P}/cmd/get-eid/1/req", b"", qos=1, mid=7)))
    broker.puback = 0x97          # how all that the agent publishes is answered; None: not at all
    broker.wait(lambda m: m.topic == f"{P}/cmd/get-eid/1/status")
"""

import contextlib
import json
import re
import socket
import struct
import threading
import time

from harness import DEVICE, wait_until
from raw_broker import text, varint as number

# Where the agent may publish: under its own base, never a command, and to the tests' response topics.
ALLOWED = re.compile(
    rf"esim/v1/{DEVICE}/(status/health|info|twin/\w+|e/\w+|m/\w+|cmd/[a-z-]+/[A-Za-z0-9._-]{{1,64}}/status)|answers/.+"
)

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 1, 2, 3, 4, 5, 6, 7
SUBSCRIBE, SUBACK, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT, AUTH = 8, 9, 11, 12, 13, 14, 15


# --- what is sent ---


def packet(kind, body=b"", flags=0, declared=None):
    """`declared`: the Remaining Length that it says, where that is not the truth."""
    return bytes([kind << 4 | flags]) + number(len(body) if declared is None else declared) + body


def properties(*items):
    """Of ready encoded ones."""
    data = b"".join(items)
    return number(len(data)) + data


def expiry(seconds):
    return b"\x02" + struct.pack(">I", seconds)


def response_topic(topic):
    return b"\x08" + text(topic)


def correlation(data):
    return b"\x09" + text(data)


def publish(topic, payload=b"", qos=1, mid=1, dup=False, retain=False, props=properties()):
    """`props` None: without even their length, which is 3.1.1's."""
    flags = (8 if dup else 0) | qos << 1 | (1 if retain else 0)
    body = text(topic) + (struct.pack(">H", mid) if qos else b"") + (props or b"") + payload
    return packet(PUBLISH, body, flags)


def ack(kind, mid, reason=0, flags=0):
    return packet(kind, struct.pack(">H", mid) + (bytes([reason, 0]) if reason else b""), flags)


def connack(reason=0, present=False, props=properties()):
    return packet(CONNACK, bytes([1 if present else 0, reason]) + props)


def suback(mid, codes=b"\x01", props=properties()):
    return packet(SUBACK, struct.pack(">H", mid) + props + codes)


def disconnect(reason, props=properties()):
    return packet(DISCONNECT, bytes([reason]) + props)


# --- what comes ---


def take_number(data, at):
    value, shift = 0, 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, at


class Told:
    """A message that the agent published."""

    def __init__(self, body, flags):
        self.qos = flags >> 1 & 3
        self.retain = bool(flags & 1)
        length = struct.unpack_from(">H", body)[0]
        self.topic = body[2 : 2 + length].decode()
        at = 2 + length
        self.mid = 0
        if self.qos:
            self.mid = struct.unpack_from(">H", body, at)[0]
            at += 2
        length, at = take_number(body, at)
        self.props = body[at : at + length]
        self.raw = body[at + length :]
        self.at = time.monotonic()

    @property
    def payload(self):
        return json.loads(self.raw) if self.raw else None

    def __repr__(self):
        return f"<{self.topic} {self.raw[:200]!r}>"


class Session:
    """One connection, from its CONNECT on. `play` of the broker's runs on a thread of its own."""

    def __init__(self, broker, sock):
        self.broker = broker
        self.sock = sock
        self.closed = threading.Event()
        # It has said so, which it does when its subscription was answered.
        self.online = threading.Event()
        self.subscribe_mid = None
        self.clean_start = None
        self.acked = []  # ids of the test's PUBLISHes that the agent has acknowledged
        self.on_ack = None  # told the id
        self.sent = 0  # of those that count
        self.kinds = []  # of all packets that came
        self._lock = threading.Lock()

    def send(self, *parts):
        """False: the connection is over."""
        try:
            with self._lock:
                for part in parts:
                    self.sock.sendall(part)
            return True
        except OSError:
            return False

    def trickle(self, data, pause):
        """A byte at a time, until the agent has had enough or there is no more."""
        for byte in data:
            if self.closed.is_set() or not self.send(bytes([byte])):
                return False
            time.sleep(pause)
        return True

    def close(self):
        self.closed.set()
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def _read(self, count):
        data = bytearray()
        while len(data) < count:
            part = self.sock.recv(min(65536, count - len(data)))
            if not part:
                raise ConnectionError
            data += part
        return bytes(data)

    def _read_packet(self):
        head = self._read(1)[0]
        length, shift = 0, 0
        while True:
            byte = self._read(1)[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        return head >> 4, head & 15, self._read(length)

    def run(self):
        try:
            while True:
                self._take(*self._read_packet())
        except (OSError, ConnectionError):
            pass
        finally:
            self.closed.set()
            self.sock.close()

    def _take(self, kind, flags, body):
        self.kinds.append(kind)
        if kind == CONNECT:
            self.clean_start = bool(body[7] & 2)
            self.send(*self.broker.greeting)
            threading.Thread(target=self._play, daemon=True).start()
        elif kind == SUBSCRIBE:
            self.subscribe_mid = struct.unpack_from(">H", body)[0]
            if self.broker.subscribes:
                self.send(suback(self.subscribe_mid))
        elif kind == PUBLISH:
            self._take_publish(Told(body, flags))
        elif kind == PUBACK:
            mid = struct.unpack_from(">H", body)[0]
            self.acked.append(mid)
            if self.on_ack:
                self.on_ack(mid)
        elif kind == PINGREQ:
            self.send(packet(PINGRESP))

    def _take_publish(self, told):
        self.broker.note(told)
        if told.topic.endswith("/status/health"):
            self.online.set()
        if told.qos and self.broker.puback is not None:
            self.send(ack(PUBACK, told.mid, self.broker.puback))

    def _play(self):
        play = self.broker._play
        if play:
            play(self)


class HostileBroker:
    """`greeting`: the packets that answer a CONNECT. `subscribes`: whether a SUBSCRIBE is answered.
    `context`: of TLS. `offenders`: topics that the agent published to and may not."""

    def __init__(self, context=None, port=0):
        self.context = context
        self.offenders = []
        self.greeting = [connack()]
        self.subscribes = True
        self.puback = 0
        self.sessions = []
        self.told_count = 0
        self._play = None
        self._told = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._begin, args=(sock,), daemon=True).start()

    def _begin(self, sock):
        if self.context:
            try:
                sock = self.context.wrap_socket(sock, server_side=True)
            except OSError:
                return
        session = Session(self, sock)
        self.sessions.append(session)
        session.run()

    def note(self, told):
        with self._lock:
            self.told_count += 1
            if not ALLOWED.fullmatch(told.topic):
                self.offenders.append(told.topic)
            self._told.append(told)
            # A storm has hundreds of thousands; who looks, looks at the last ones.
            del self._told[:-20000]

    def told(self, topic=None):
        with self._lock:
            return [m for m in self._told if topic is None or m.topic == topic]

    def wait(self, predicate, timeout=30, what="a message"):
        return wait_until(
            lambda: next((m for m in self.told() if predicate(m)), None), timeout, what
        )

    def play(self, play=None, greeting=None, subscribes=True, puback=0):
        """From now on each connection is this; what is connected is cut. `play` gets the session, as
        soon as its CONNECT is answered. None: a good broker."""
        self.greeting = [connack()] if greeting is None else greeting
        self.subscribes = subscribes
        self.puback = puback
        self._play = play
        old = list(self.sessions)
        for session in old:
            session.close()
        return len(old)

    def next_session(self, before, timeout=30):
        """The first after the play() that gave `before`."""
        return wait_until(
            lambda: len(self.sessions) > before and self.sessions[before],
            timeout,
            "the agent connects",
        )

    def online(self, timeout=60):
        """The newest session, once and while the agent is online over it."""

        def look():
            session = self.sessions[-1] if self.sessions else None
            good = session and session.online.is_set() and not session.closed.is_set()
            return session if good else None

        return wait_until(look, timeout, "the agent is online")

    def close(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for session in self.sessions:
            session.close()
