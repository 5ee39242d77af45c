"""Ports of 127.0.0.1 for tests, which run side by side."""

import contextlib
import itertools
import os
import random
import socket
import threading

# The kernel gives none of these to a connection that goes out.
PORTS = range(10000, 32700)
BLOCK = 100


def _ports():
    """Those of a block that no other process of tests has: an abstract socket holds it until we end."""
    for block in random.sample(PORTS[::BLOCK], len(PORTS) // BLOCK):
        held = socket.socket(socket.AF_UNIX)
        try:
            held.bind(f"\0lpm-test-ports-{block}")
        except OSError:
            held.close()
            continue
        yield from itertools.cycle(range(block, block + BLOCK))
    raise RuntimeError("other tests have all ports")


_own_ports = {}  # by process: a fork is another one
_ports_lock = threading.Lock()


def free_port():
    """Of 127.0.0.1. It stays free while what listens there is away for a while."""
    with _ports_lock:
        for port in itertools.islice(_own_ports.setdefault(os.getpid(), _ports()), BLOCK):
            with socket.socket() as s, contextlib.suppress(OSError):
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind(("127.0.0.1", port))
                return port
    raise RuntimeError("no port is free")
