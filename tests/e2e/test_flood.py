"""More than anybody needs: a thousand connections that do nothing, half of something, or wait. Whatever
they do, /healthz is answered, memory and descriptors stay bounded, and all is well when they are gone."""

import contextlib
import json
import os
import resource
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import raw_http
from harness import ALPHA, BETA, SLOW, free_port, wait_until
from truth import net

CROWD = 1000
# What a door takes (http.h), with those that are let in before others go.
DOOR, SPARE, HELD = 256, 64, 100
# What is promised is 1 s, on a machine that does nothing else: LPM_ANSWERED_S=1 holds it to that. Beside other
# tests the prober has to wait for a processor, too.
ANSWERED_S = float(os.environ.get("LPM_ANSWERED_S", "5"))
# A full door: 320 connections with 16 KiB of memory, a request and its 16 KiB body each, is 11 MiB.
GROWTH_KB = 16 * 1024
SANITIZED = bool(os.environ.get("LPM_SANITIZE"))
HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
WAIT = f"POST /v1/profiles/{BETA}/enable HTTP/1.1\r\nHost: lpm\r\nIdempotency-Key: one\r\nPrefer: wait=600\r\n\r\n".encode()
READ = b"GET /v1/profiles HTTP/1.1\r\nHost: lpm\r\nCache-Control: no-cache\r\n\r\n"
LISTEN = b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"


def started(lab, overrides=None, config=None):
    port = free_port()
    more = {"api.listen": f"127.0.0.1:{port}", "telemetry.sample_s": 3600, "log.level": "info"}
    sim = lab.sim(None, overrides)
    agent = lab.agent(sim, config={**more, **(config or {})})
    agent.wait_ready()
    for path in ("/v1/eid", "/v1/profiles", "/v1/connectivity"):
        assert agent.http("GET", path)[0] == 200
    return sim, agent, {"unix": agent.socket, "tcp": port}


def rss_kb(agent):
    for line in Path(f"/proc/{agent.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


def fds(agent):
    return len(os.listdir(f"/proc/{agent.process.pid}/fd"))


def cpu_s(agent):
    fields = Path(f"/proc/{agent.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def probed(address):
    """/healthz is answered in time all the while."""
    prober = subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "http_prober.py"), str(address)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )
    try:
        assert prober.stdout.readline() == b"ready\n"
        yield
        said = json.loads(prober.communicate(timeout=60 * SLOW)[0])
    finally:
        if prober.poll() is None:
            prober.kill()
            prober.communicate()
    assert said["answers"] > 0 and not said["failed"], said
    assert said["longest_s"] < ANSWERED_S * SLOW, said


@contextlib.contextmanager
def bounded(agent, doors=1):
    """Memory and descriptors, while it lasts and after it."""
    memory, files = rss_kb(agent), fds(agent)
    yield
    if not SANITIZED:
        assert rss_kb(agent) - memory < GROWTH_KB, "memory grows with the connections"
    assert fds(agent) - files <= doors * (DOOR + SPARE) + 16


class Crowd:
    """Connections that each said the same; `answers` looks at what came without waiting for more."""

    def __init__(self, address, count, said):
        self.sockets = []
        for _ in range(count):
            s = raw_http.dial(address)
            self.sockets.append(s)
            raw_http.send(s, said)
        for s in self.sockets:
            s.setblocking(False)

    def heads(self):
        """Of everyone who was answered: the status."""
        got = []
        for s in self.sockets:
            with contextlib.suppress(OSError):
                data = s.recv(65536, socket.MSG_PEEK)
                if data:
                    got.append(int(data.split()[1]))
        return got

    def open_count(self):
        """Of those that the agent has not ended."""
        poller = select.poll()
        for s in self.sockets:
            poller.register(s, select.POLLRDHUP)
        return len(self.sockets) - len(poller.poll(0))

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        for s in self.sockets:
            s.close()


def assert_recovers(sim, agent, files):
    wait_until(lambda: fds(agent) <= files + 1, what="the descriptors are back")
    assert agent.http("GET", "/v1/profiles", {"Cache-Control": "no-cache"})[0] == 200
    agent.check_sanitizers()
    sim.check()


IDLERS = [
    ("nothing", b""),
    ("half-a-request", HEAD),
    ("half-a-body", HEAD.replace(b"GET", b"POST") + b"Content-Length: 99\r\n\r\n{"),
    ("one-request", HEAD + b"\r\n"),
]


@pytest.mark.parametrize("door", ["unix", "tcp"])
@pytest.mark.parametrize("said", [row[1] for row in IDLERS], ids=[row[0] for row in IDLERS])
def test_a_thousand_who_dawdle(lab, said, door):
    sim, agent, doors = started(lab)
    files = fds(agent)
    with probed(doors[door]), bounded(agent):
        with Crowd(doors[door], CROWD, said) as crowd:
            wait_until(lambda: crowd.open_count() <= DOOR, what="the door is not over its measure")
            # Who came last is still there: it was not them who were put out.
            assert said.endswith(b"\r\n\r\n") or not select.select(crowd.sockets[-50:], [], [], 0)[0]
            last = crowd.sockets[-1]
            last.setblocking(True)
            if said == HEAD:
                raw_http.send(last, b"Connection: close\r\n\r\n")
                assert [a.status for a in raw_http.answers(raw_http.hear(last))] == [200]
    assert_recovers(sim, agent, files)


SLOW_SWITCH = {key: value for i in range(3) for key, value in net(i, delay_ms=15000).items()}


def test_a_thousand_who_wait_for_a_switch(lab):
    sim, agent, doors = started(lab, SLOW_SWITCH)
    files = fds(agent)
    with probed(doors["unix"]), bounded(agent):
        with Crowd(doors["unix"], CROWD, WAIT) as crowd:
            # Nobody is put out who waits; who finds no room to wait is told how it goes, at once.
            wait_until(lambda: len(crowd.heads()) >= CROWD - HELD - DOOR, what="the others are told")
            assert set(crowd.heads()) == {202}
            op = agent.http("GET", "/v1/operations")[2]["operations"][0]
            assert agent.wait_operation(op["id"])["state"] == "succeeded"
            wait_until(lambda: crowd.heads().count(200) == HELD, what="those who wait hear of the end")
            assert len(agent.http("GET", "/v1/operations")[2]["operations"]) == 1
    assert_recovers(sim, agent, files)


def test_a_thousand_who_wait_for_a_read(lab):
    sim, agent, doors = started(lab)
    files = fds(agent)
    sim.set("modem.apdu_latency_ms", 2000)
    with probed(doors["unix"]), bounded(agent):
        with Crowd(doors["unix"], CROWD, READ) as crowd:
            wait_until(lambda: crowd.heads().count(503) > 0, what="some are refused")
            wait_until(lambda: crowd.heads().count(200) >= HELD, what="who waits gets the read")
            refused = next(s for s in crowd.sockets if b" 503 " in peek(s))
            answer = raw_http.answers(peek(refused))[0]
            assert answer.code == "queue-full" and int(answer.headers["retry-after"]) > 0
    sim.set("modem.apdu_latency_ms", 0)
    assert_recovers(sim, agent, files)


def peek(s):
    with contextlib.suppress(OSError):
        return s.recv(65536, socket.MSG_PEEK)
    return b""


@pytest.mark.parametrize("door", ["unix", "tcp"])
def test_a_thousand_who_listen(lab, door):
    sim, agent, doors = started(lab)
    files = fds(agent)
    with probed(doors[door]), bounded(agent):
        with Crowd(doors[door], CROWD, LISTEN) as crowd:
            wait_until(lambda: crowd.heads().count(200) == HELD, what="a hundred listen")
            wait_until(lambda: crowd.heads().count(503) >= CROWD - HELD - DOOR, what="others do not")
    assert_recovers(sim, agent, files)


def test_who_waits_and_listens_does_not_fill_the_door(lab):
    sim, agent, doors = started(lab, SLOW_SWITCH)
    files = fds(agent)
    unix = doors["unix"]
    with probed(unix), bounded(agent):
        with Crowd(unix, 150, LISTEN) as ears, Crowd(unix, 150, WAIT) as waiters:
            with Crowd(unix, CROWD, HEAD):
                wait_until(lambda: ears.heads().count(200) == HELD, what="a hundred listen")
                op = agent.http("GET", "/v1/operations")[2]["operations"][0]
                assert agent.wait_operation(op["id"])["state"] == "succeeded"
                wait_until(lambda: waiters.heads().count(200) == HELD, what="a hundred waited")
    assert_recovers(sim, agent, files)


def test_who_asks_much_and_reads_nothing(lab):
    """Each asks for 60 MB. It is ended when it has taken nothing for 30 s."""
    sim, agent, doors = started(lab)
    for n in range(100):
        assert agent.http("POST", f"/v1/profiles/{ALPHA}/enable", {"Idempotency-Key": f"k{n}"})[0] == 200
    files = fds(agent)
    asked = b"GET /v1/operations?limit=100 HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1000
    with probed(doors["unix"]), bounded(agent, doors=2), contextlib.ExitStack() as stack:
        for door in ("unix", "tcp"):
            # A sanitizer takes ten times as long for each answer.
            for _ in range(4 if SANITIZED else 20):
                s = stack.enter_context(raw_http.dial(doors[door]))
                s.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    s.send(asked)
        with Crowd(doors["unix"], 50, HEAD + b"\r\n") as others:
            wait_until(lambda: others.heads().count(200) == 50, what="others are answered")
        # Under a sanitizer it takes a minute to fill the buffers of so many.
        wait_until(lambda: fds(agent) <= files + 1, 240 if SANITIZED else 60, what="who takes nothing is ended")
    assert_recovers(sim, agent, files)


def test_listeners_who_do_not_read(lab):
    """What they miss is theirs alone: who reads hears all, in its order."""
    sim, agent, doors = started(lab)
    files = fds(agent)
    with probed(doors["unix"]), bounded(agent):
        with Crowd(doors["unix"], 20, LISTEN), raw_http.dial(doors["unix"]) as reader:
            reader.sendall(LISTEN)
            heard = b""
            for n in range(400):
                status, _, op = agent.http("POST", f"/v1/profiles/{ALPHA}/enable", {"Idempotency-Key": f"k{n}"})
                assert status == 200 and op["state"] == "succeeded"
                reader.settimeout(30 * SLOW)
                while op["id"].encode() not in heard:
                    heard = heard[-65536:] + reader.recv(65536)
    assert_recovers(sim, agent, files)


@contextlib.contextmanager
def few_files(count):
    """For what is started meanwhile."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("count", [256, 1024])
def test_few_descriptors(lab, count):
    """Both doors full leave some: none is looked for in vain, and nothing turns idly."""
    with few_files(count):
        sim, agent, doors = started(lab)
    files = fds(agent)
    with probed(doors["unix"]), probed(doors["tcp"]):
        with Crowd(doors["unix"], 500, HEAD) as local, Crowd(doors["tcp"], 500, HEAD) as remote:
            wait_until(lambda: local.open_count() + remote.open_count() < count, what="some are ended")
            used, begun = cpu_s(agent), time.monotonic()
            assert agent.http("GET", "/v1/profiles", {"Cache-Control": "no-cache"})[0] == 200
            assert fds(agent) < count - 16
            time.sleep(2)
            share = (cpu_s(agent) - used) / (time.monotonic() - begun)
            assert share < 0.5 * SLOW, f"it takes {share:.0%} of a processor for nothing"
    assert_recovers(sim, agent, files)


def test_no_descriptors_at_all(lab):
    """Taken away while it runs: who comes waits, nothing turns idly, and it recovers."""
    sim, agent, doors = started(lab)
    files = fds(agent)
    before = resource.prlimit(agent.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(agent.process.pid, resource.RLIMIT_NOFILE, (files, before[1]))
    with Crowd(doors["unix"], 20, HEAD + b"\r\n"), Crowd(doors["tcp"], 20, HEAD + b"\r\n"):
        used, begun = cpu_s(agent), time.monotonic()
        time.sleep(2)
        share = (cpu_s(agent) - used) / (time.monotonic() - begun)
    resource.prlimit(agent.process.pid, resource.RLIMIT_NOFILE, before)
    assert share < 0.5 * SLOW, f"it takes {share:.0%} of a processor for nothing"
    assert_recovers(sim, agent, files)


@pytest.mark.parametrize("door", ["unix", "tcp"])
def test_targets_that_the_library_has_no_room_for(lab, door):
    """It tells of each target, and of no end where it runs out of memory for the parameters behind it."""
    _, agent, doors = started(lab)
    asked = b"GET /?" + b"&" * 500 + b"x" * 6000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
    memory = rss_kb(agent)
    with probed(doors["unix"]), bounded(agent):
        for _ in range(2000):
            with raw_http.dial(doors[door]) as s:
                raw_http.send(s, asked)
    assert SANITIZED or rss_kb(agent) - memory < 4096
    agent.stop()  # a sanitizer tells of what is left


def test_stop_with_everyone_there(lab):
    _, agent, doors = started(lab, SLOW_SWITCH)
    with Crowd(doors["unix"], 50, LISTEN) as ears, Crowd(doors["unix"], 50, WAIT) as waiters:
        with Crowd(doors["tcp"], 50, LISTEN), Crowd(doors["tcp"], 200, HEAD):
            wait_until(lambda: ears.heads().count(200) == 50, what="they listen")
            wait_until(lambda: agent.http("GET", "/v1/operations")[2]["operations"], what="it came")
            begun = time.monotonic()
            agent.stop()
            assert time.monotonic() - begun < 10 * SLOW
            assert set(waiters.heads()) <= {202, 503}
