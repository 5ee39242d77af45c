"""A client that sends what no library would: bytes, in pieces, over a unix socket or TCP.

An address is the path of a unix socket or a port of 127.0.0.1. What is sent is bytes, or steps: bytes,
numbers (a pause in seconds) and SHUT (nothing more will be sent).
"""

import contextlib
import errno
import json
import socket
import time

from harness import POLL, SLOW

SHUT = object()
# Longer than any limit of the agent's, and a machine that does other things too.
PATIENCE = 40


def dial(address, timeout=PATIENCE):
    is_unix = isinstance(address, str)
    s = socket.socket(socket.AF_UNIX if is_unix else socket.AF_INET)
    s.settimeout(timeout * SLOW)
    end = time.monotonic() + timeout * SLOW
    while True:
        try:
            s.connect(address if is_unix else ("127.0.0.1", address))
            return s
        except BlockingIOError:  # a full backlog, to a socket with a time-out
            if time.monotonic() > end:
                s.close()
                raise
            time.sleep(POLL)


def send(s, steps):
    """False: the peer did not take all."""
    for step in [steps] if isinstance(steps, bytes) else steps:
        try:
            if step is SHUT:
                s.shutdown(socket.SHUT_WR)
            elif isinstance(step, bytes):
                s.sendall(step)
            else:
                time.sleep(step)
        except OSError as e:
            if e.errno not in (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN):
                raise
            return False
    return True


def hear(s):
    """All until the peer closes; a reset closes, too."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while part := s.recv(65536):
            data += part
    return data


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def code(self):
        """Of a problem; None where there is none."""
        if "problem+json" in self.headers.get("content-type", ""):
            return json.loads(self.body)["code"]
        return None

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:200]}>"


def take(data, is_head=False):
    """(the first answer, what follows it); (None, data): it is not all there."""
    head, found, rest = data.partition(b"\r\n\r\n")
    if not found:
        return None, data
    status_line, *lines = head.decode("latin-1").split("\r\n")
    version, status, _ = (status_line + " ").split(" ", 2)
    assert version in ("HTTP/1.1", "HTTP/1.0") and len(status) == 3, f"no answer: {data[:200]}"
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    status = int(status)
    size = 0 if is_head or status in (204, 304) or status < 200 else int(headers["content-length"])
    if len(rest) < size:
        return None, data
    if "content-type" not in headers and headers.get("connection") == "close":
        size = len(rest)  # what libmicrohttpd says by itself may be longer than it announces
    return Answer(status, headers, rest[:size]), rest[size:]


def answers(data, is_head=False):
    """All of them; there has to be nothing else."""
    got = []
    while data:
        answer, data = take(data, is_head)
        assert answer, f"half an answer: {data[:200]}"
        got.append(answer)
    return got


def exchange(address, steps, is_head=False, timeout=PATIENCE):
    """What is answered until the agent closes."""
    with dial(address, timeout) as s:
        send(s, steps)
        return answers(hear(s), is_head)


def ask(s, request, is_head=False):
    """One request on a connection that stays."""
    s.sendall(request)
    data = b""
    while True:
        answer, rest = take(data, is_head)
        if answer:
            assert not rest, f"more than was asked for: {rest[:200]}"
            return answer
        part = s.recv(65536)
        if not part:
            raise ConnectionError(f"closed behind {data[:200]}")
        data += part
