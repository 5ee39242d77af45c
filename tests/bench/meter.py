"""A TCP relay that counts what goes through it as a network would bill it.

Its side towards the client has the segment size of a path with an MTU of 1400 bytes, and its
segments are counted by the kernel (TCP_INFO), pure acknowledgements included. A segment costs the
headers of IPv4 (20 bytes) and TCP with time stamps (32). SYN and SYN-ACK have 8 bytes of options
more. Not counted: retransmissions, what is sent into a dead connection, the layers below IP, and
connections over which nothing came back: on those the network itself would have been missing.
"""

import contextlib
import selectors
import socket
import struct
import threading
import time
from dataclasses import dataclass, fields

MTU = 1400
HEADERS = 20 + 32
SYN_MORE = 8
# struct tcp_info of linux/tcp.h: segs_out and segs_in follow two words of 64 bits at 120.
SEGS_AT = 136


@dataclass
class Count:
    """What went through, `up` from the client. Adds and subtracts field by field."""

    up_bytes: int = 0
    down_bytes: int = 0
    up_segments: int = 0
    down_segments: int = 0
    up_pieces: int = 0  # as they were read: about one a write of the client
    connects: int = 0

    def _with(self, other, sign):
        values = {f.name: getattr(self, f.name) + sign * getattr(other, f.name) for f in fields(self)}
        return Count(**values)

    def __add__(self, other):
        return self._with(other, 1)

    def __sub__(self, other):
        return self._with(other, -1)

    @property
    def wire(self):
        """In bytes, all headers included."""
        segments = self.up_segments + self.down_segments
        payload = self.up_bytes + self.down_bytes
        return payload + HEADERS * segments + 2 * SYN_MORE * self.connects


class _Flow:
    def __init__(self, client, server):
        self.client, self.server = client, server
        self.count = Count(connects=1)

    def counted(self):
        """With the segments so far. The kernel does not count the SYN-ACK it sent."""
        if not self.count.down_bytes:
            return Count()
        info = self.client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        out, into = struct.unpack_from("<2I", info, SEGS_AT)
        return self.count + Count(up_segments=into, down_segments=out + 1)


class Meter:
    """Listens on 127.0.0.1 and relays to `target` there. Threads: its own; all calls may come from any."""

    def __init__(self, target):
        self._target = target
        self._lock = threading.Lock()
        # under the lock:
        self._flows, self._closed = set(), Count()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, MTU - 40)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.port = self._listener.getsockname()[1]
        self._ended = False
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self):
        self._ended = True
        self._thread.join(10)
        self.cut()
        self._listener.close()

    def count(self):
        with self._lock:
            total = self._closed
            for flow in self._flows:
                total = total + flow.counted()
            return total

    def settled(self, quiet_s=1.0, timeout_s=60.0):
        """The count, once nothing has changed for that long."""
        end = time.monotonic() + timeout_s
        last, since = self.count(), time.monotonic()
        while time.monotonic() - since < quiet_s:
            if time.monotonic() > end:
                raise AssertionError(f"not quiet within {timeout_s:g} s")
            time.sleep(0.05)
            now = self.count()
            if now != last:
                last, since = now, time.monotonic()
        return last

    def cut(self):
        """Ends all connections that there are."""
        with self._lock:
            for flow in list(self._flows):
                self._end(flow)

    def _end(self, flow):
        """Under the lock. Our own FIN and what answers it are two segments more."""
        if flow.count.down_bytes:
            self._closed = self._closed + flow.counted() + Count(up_segments=1, down_segments=1)
        self._flows.discard(flow)
        for end in (flow.client, flow.server):
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(end)
            end.close()

    def _run(self):
        while not self._ended:
            for key, _ in self._selector.select(0.2):
                if key.data is None:
                    self._take()
                else:
                    self._pass(key.fileobj, key.data)

    def _take(self):
        client, _ = self._listener.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            server = socket.create_connection(("127.0.0.1", self._target), 10)
        except OSError:
            client.close()
            return
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        flow = _Flow(client, server)
        with self._lock:
            self._flows.add(flow)
            for end in (client, server):
                self._selector.register(end, selectors.EVENT_READ, flow)

    def _pass(self, source, flow):
        with self._lock:
            if flow not in self._flows:
                return
            try:
                data = source.recv(65536)
                if data and source is flow.client:
                    flow.count.up_bytes += len(data)
                    flow.count.up_pieces += 1
                    flow.server.sendall(data)
                elif data:
                    flow.count.down_bytes += len(data)
                    flow.client.sendall(data)
            except OSError:
                data = b""
            if not data:
                self._end(flow)
