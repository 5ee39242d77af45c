"""A scripted MQTT broker, 5 and 3.1.1, that does exactly what a test tells it, and notes all it gets.

    with RawBroker() as broker:                 # takes everybody, acknowledges everything
        broker.connack = {"receive_maximum": 1} # properties of the CONNACKs from now on
        broker.on_connect = lambda c, p: c.close()
        agent = lab.agent(sim, mqtt_port=broker.port)
        connection = broker.wait_connection(1)

A hook gets the connection and the packet, on the connection's own thread, in place of the ordinary
answer. Packets are dicts: type ("connect", "publish", …), bytes (its length on the wire), and what
is in it.
"""

import contextlib
import socket
import struct
import threading
import time

from harness import wait_until

TYPES = {
    1: "connect", 2: "connack", 3: "publish", 4: "puback", 8: "subscribe", 9: "suback",
    10: "unsubscribe", 12: "pingreq", 13: "pingresp", 14: "disconnect",
}

# name: (identifier, kind)
PROPERTIES = {
    "message_expiry": (0x02, "u32"), "content_type": (0x03, "text"),
    "response_topic": (0x08, "text"), "correlation_data": (0x09, "bytes"),
    "session_expiry": (0x11, "u32"), "assigned_client_id": (0x12, "text"),
    "server_keep_alive": (0x13, "u16"), "will_delay": (0x18, "u32"),
    "reason_string": (0x1F, "text"), "receive_maximum": (0x21, "u16"),
    "topic_alias_maximum": (0x22, "u16"), "topic_alias": (0x23, "u16"),
    "maximum_qos": (0x24, "u8"), "retain_available": (0x25, "u8"),
    "maximum_packet_size": (0x27, "u32"), "wildcard_available": (0x28, "u8"),
    "subscription_ids_available": (0x29, "u8"), "shared_available": (0x2A, "u8"),
}
BY_IDENTIFIER = {code: (name, kind) for name, (code, kind) in PROPERTIES.items()}
NUMBERS = {"u8": ">B", "u16": ">H", "u32": ">I"}


def varint(value):
    out = bytearray()
    while True:
        value, digit = divmod(value, 128)
        out.append(digit | (0x80 if value else 0))
        if not value:
            return bytes(out)


def text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack(">H", len(data)) + data


def properties(values):
    body = b""
    for name, value in values.items():
        code, kind = PROPERTIES[name]
        body += bytes([code]) + (struct.pack(NUMBERS[kind], value) if kind in NUMBERS else text(value))
    return varint(len(body)) + body


def packet(kind, flags, body):
    number = next(n for n, name in TYPES.items() if name == kind)
    return bytes([number << 4 | flags]) + varint(len(body)) + body


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        assert self.at + count <= len(self.data), "a packet ends too early"
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, kind):
        return struct.unpack(NUMBERS[kind], self.take(struct.calcsize(NUMBERS[kind])))[0]

    def bytes(self):
        return self.take(self.number("u16"))

    def text(self):
        return self.bytes().decode()

    def rest(self):
        return self.take(len(self.data) - self.at)

    def varint(self):
        value = shift = 0
        while True:
            byte = self.number("u8")
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value

    def properties(self):
        inner = Reader(self.take(self.varint()))
        found = {}
        while inner.at < len(inner.data):
            name, kind = BY_IDENTIFIER[inner.number("u8")]
            if kind in NUMBERS:
                found[name] = inner.number(kind)
            else:
                found[name] = inner.text() if kind == "text" else inner.bytes()
        return found


def parse_connect(r, connection):
    name, level, flags, keep_alive = r.text(), r.number("u8"), r.number("u8"), r.number("u16")
    connection.level = level
    p = {"name": name, "level": level, "clean": bool(flags & 2), "keep_alive": keep_alive}
    p["properties"] = r.properties() if level == 5 else {}
    p["client_id"] = r.text()
    if flags & 4:
        will = {"properties": r.properties() if level == 5 else {}}
        will.update(topic=r.text(), payload=r.bytes(), qos=flags >> 3 & 3, retain=bool(flags & 0x20))
        p["will"] = will
    p["username"] = r.text() if flags & 0x80 else None
    p["password"] = r.bytes() if flags & 0x40 else None
    return p


def parse_publish(r, level, flags):
    p = {"topic": r.text(), "qos": flags >> 1 & 3, "retain": bool(flags & 1), "dup": bool(flags & 8)}
    p["id"] = r.number("u16") if p["qos"] else 0
    p["properties"] = r.properties() if level == 5 else {}
    p["payload"] = r.rest()
    return p


def parse_subscribe(r, level):
    p = {"id": r.number("u16"), "properties": r.properties() if level == 5 else {}, "filters": []}
    while r.at < len(r.data):
        p["filters"].append((r.text(), r.number("u8")))
    return p


def parse_ended(r, level, kind):
    p = {"id": r.number("u16")} if kind == "puback" else {}
    p["reason"] = r.number("u8") if r.at < len(r.data) else 0
    p["properties"] = r.properties() if level == 5 and r.at < len(r.data) else {}
    return p


class Connection:
    def __init__(self, broker, sock, number):
        self.broker, self.sock, self.number = broker, sock, number
        self.packets = []
        self.level = 5
        self.at = time.monotonic()
        self.over = False
        self.aliases = {}
        self._next_id = 0

    def all(self, kind, topic=None):
        """What came of a kind, on a topic that ends so."""
        return [
            p for p in list(self.packets)
            if p["type"] == kind and (topic is None or p["topic"].endswith(topic))
        ]

    def wait(self, kind, topic=None, count=1):
        """The count-th of all()."""
        what = f"{kind} {topic or ''} {count} on connection {self.number}"
        return wait_until(lambda: self.all(kind, topic)[count - 1 : count], what=what)[0]

    def send(self, data):
        with contextlib.suppress(OSError):
            self.sock.sendall(data)

    def connack(self, code=0, session_present=False, values=None):
        tail = properties(self.broker.connack if values is None else values)
        self.send(packet("connack", 0, bytes([session_present, code]) + (tail if self.level == 5 else b"")))

    def suback(self, p, *codes, values=None):
        tail = properties(values or {}) if self.level == 5 else b""
        codes = codes or [1] * len(p["filters"])
        self.send(packet("suback", 0, struct.pack(">H", p["id"]) + tail + bytes(codes)))

    def puback(self, p, code=0, values=None):
        body = struct.pack(">H", p["id"])
        if self.level == 5 and (code or values):
            body += bytes([code]) + properties(values or {})
        self.send(packet("puback", 0, body))

    def publish(self, topic, payload=b"", qos=1, values=None):
        self._next_id += 1
        body = text(topic) + (struct.pack(">H", self._next_id) if qos else b"")
        body += properties(values or {}) if self.level == 5 else b""
        data = payload if isinstance(payload, bytes) else payload.encode()
        self.send(packet("publish", qos << 1, body + data))

    def disconnect(self, code, values=None):
        self.send(packet("disconnect", 0, bytes([code]) + properties(values or {})))
        self.close()

    def close(self):
        """At once, as a process that died."""
        self.over = True
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    # the connection's thread

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            part = self.sock.recv(count - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def _read(self):
        head = self._exactly(1)
        raw, length, shift = b"", 0, 0
        while not raw or raw[-1] & 0x80:
            raw += self._exactly(1)
            length |= (raw[-1] & 0x7F) << shift
            shift += 7
        body = self._exactly(length)
        p = self._parse(head[0], body)
        p.update(type=TYPES[head[0] >> 4], bytes=1 + len(raw) + length, at=time.monotonic())
        return p

    def _parse(self, head, body):
        kind, r = TYPES[head >> 4], Reader(body)
        if kind == "connect":
            p = parse_connect(r, self)
        elif kind == "publish":
            p = parse_publish(r, self.level, head & 15)
            alias = p["properties"].get("topic_alias")
            p["wire_topic"] = p["topic"]
            if alias and p["topic"]:
                self.aliases[alias] = p["topic"]
            p["topic"] = self.aliases[alias] if alias else p["topic"]
            assert p["topic"], "an alias that nobody made known"
        elif kind == "subscribe":
            p = parse_subscribe(r, self.level)
        elif kind in ("puback", "disconnect"):
            p = parse_ended(r, self.level, kind)
        else:
            p = {}
        assert kind == "connect" or self.packets, "the first packet is no CONNECT"
        return p

    def serve(self):
        try:
            self.broker._accepted(self)
            while not self.over:
                p = self._read()
                self.packets.append(p)
                getattr(self.broker, "on_" + p["type"])(self, p)
        except (EOFError, OSError):
            pass
        except AssertionError as e:
            self.broker.complaints.append(f"{e!r}")
        except Exception as e:  # shown by the test: a thread's exception is nobody's
            self.broker.complaints.append(f"{e!r}")
        finally:
            self.close()


class RawBroker:
    """`wrap`: makes another socket of an accepted one (TLS); what it raises ends the connection."""

    def __init__(self, wrap=None, port=0):
        self.connack = {}
        self.connections = []
        self.complaints = []
        self._wrap = wrap
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                connection = Connection(self, sock, len(self.connections) + 1)
                self.connections.append(connection)
                threading.Thread(target=connection.serve, daemon=True).start()

    def _accepted(self, connection):
        if self._wrap:
            connection.sock = self._wrap(connection.sock)
        self.on_accept(connection)

    def on_accept(self, connection):
        pass

    def on_connect(self, connection, p):
        connection.connack()

    def on_subscribe(self, connection, p):
        connection.suback(p)

    def on_publish(self, connection, p):
        if p["qos"]:
            connection.puback(p)

    def on_pingreq(self, connection, p):
        connection.send(packet("pingresp", 0, b""))

    def on_puback(self, connection, p):
        pass

    def on_disconnect(self, connection, p):
        connection.close()

    def wait_connection(self, count=1, timeout=30.0):
        """The count-th, from 1."""
        return wait_until(
            lambda: self.connections[count - 1 : count], timeout, f"connection {count}"
        )[0]

    def wait_online(self, count=1):
        """A connection, the count-th, once the agent has told on it that it is there."""
        connection = self.wait_connection(count)
        connection.wait("publish", "/status/health")
        return connection

    def stop(self):
        self._listener.close()
        for connection in self.connections:
            connection.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.stop()
        if kind is None:
            assert not self.complaints, self.complaints
