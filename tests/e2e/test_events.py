"""Server-sent events: what listeners hear, how they resume, and what a listener costs others."""

import json
import os
import socket
import threading
import time

import pytest

import harness
import referee
from harness import BETA, wait_until


class Listener:
    """Reads /v1/events on a thread. `events`: [(event, id, data)]; `last_id` as a browser keeps it."""

    def __init__(self, path, last_id=None, headers=""):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60 * harness.SLOW)
        self.socket.connect(path)
        more = f"Last-Event-ID: {last_id}\r\n" if last_id is not None else ""
        self.socket.sendall(f"GET /v1/events HTTP/1.1\r\nHost: lpm\r\n{more}{headers}\r\n".encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = {}
        for line in iter(self.file.readline, b"\r\n"):
            name, _, value = line.decode().partition(":")
            self.headers[name.lower()] = value.strip()
        self.events, self.comments, self.last_id, self.ended = [], 0, last_id, None
        self.thread = threading.Thread(target=self._read, daemon=True)
        if self.status == 200:
            referee.look("GET", "/v1/events", self.status, self.headers, None)
            self.thread.start()

    def _chunks(self):
        while True:
            size = int(self.file.readline(), 16)
            if size == 0:
                self.file.readline()
                return
            yield self.file.read(size)
            self.file.readline()

    def _read(self):
        text = b""
        try:
            for chunk in self._chunks():
                text += chunk
                while b"\n\n" in text:
                    block, _, text = text.partition(b"\n\n")
                    self._take(block.decode())
            self.ended = "whole"
        except (OSError, ValueError):
            self.ended = "cut"

    def _take(self, block):
        fields = {}
        for line in block.split("\n"):
            name, colon, value = line.partition(":")
            assert colon, block
            if name:
                assert name in ("event", "id", "data", "retry") and name not in fields, block
                fields[name] = value.strip()
            else:
                self.comments += 1
        self.last_id = fields.get("id", self.last_id)
        if "data" in fields:
            self.events.append((fields["event"], fields["id"], json.loads(fields["data"])))
            referee.look_at_event(*self.events[-1][::2])
        else:
            assert "event" not in fields, block

    def of(self, name):
        return [data for event, _, data in self.events if event == name]

    def wait_for(self, predicate, what="an event"):
        return wait_until(lambda: next((e for e in list(self.events) if predicate(*e)), None), what=what)

    def wait_operation(self, state):
        return self.wait_for(lambda name, _, data: name == "operation" and data["state"] == state, state)[2]

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def start(lab, config=None, **more):
    sim = lab.sim(None, {"modem.refresh": "enable", **more})
    agent = lab.agent(sim, config=harness.merge({"telemetry": {"sample_s": 3600}}, config or {}))
    agent.wait_ready()
    # All that the agent reads by itself is read: what is told from now on, a test has caused.
    for path in ("/v1/profiles", "/v1/connectivity"):
        assert agent.http("GET", path)[0] == 200
    quiet = Listener(agent.socket)
    wait_until(lambda: quiet.last_id)
    quiet.close()
    return sim, agent


def fds(agent):
    return len(os.listdir(f"/proc/{agent.process.pid}/fd"))


def memory_kib(agent):
    with open(f"/proc/{agent.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def numbers(listener):
    return [int(id.rpartition("-")[2]) for _, id, _ in listener.events]


def test_a_switch_as_it_goes(lab):
    _, agent = start(lab)
    listener = Listener(agent.socket)
    assert listener.status == 200
    assert listener.headers["content-type"] == "text/event-stream"
    assert listener.headers["cache-control"] == "no-store"
    operation = agent.enable(BETA)[2]
    assert operation["state"] == "succeeded"
    ended = listener.wait_operation("succeeded")
    # What was told last is what a reader gets, to the letter.
    assert ended == agent.operation(operation["id"])
    told = listener.of("operation")
    assert [o["rev"] for o in told] == list(range(1, ended["rev"] + 1))
    seen = [o["phase"] for o in told if o.get("phase")]
    passed = [p for i, p in enumerate(seen) if i == 0 or p != seen[i - 1]]
    assert passed == [p["phase"] for p in ended["phases"]] + ["committed"]
    # The list and the network after it.
    listener.wait_for(lambda name, _, data: name == "profiles" and data["by"] == "operation" and
                      [r["iccid"] for r in data["profiles"] if r["enabled"]] == [BETA], "the list")
    listener.wait_for(lambda name, _, data: name == "connectivity" and data.get("iccid") == BETA)
    status, headers, body = agent.http("GET", "/v1/profiles")
    last = listener.of("profiles")[-1]
    assert last["profiles"] == body["profiles"] and last["etag"] == headers["etag"]
    assert numbers(listener) == list(range(numbers(listener)[0], numbers(listener)[0] + len(listener.events)))
    listener.close()


def test_rows_that_say_how_a_switch_ended(lab):
    """The list is as it was, its rows and its tag are not: whoever lives on events has to hear."""
    sim, agent = start(lab, {"switch.register_s": 10}, **{"card.profiles.1.network.registration": "denied"})
    before = agent.http("GET", "/v1/profiles")[1]["etag"]
    listener = Listener(agent.socket)
    assert agent.enable(BETA)[2]["phase"] == "rolled-back"
    status, headers, body = agent.http("GET", "/v1/profiles")
    assert headers["etag"] != before
    assert [r["last_error"] for r in body["profiles"] if "last_error" in r] == ["registration-denied"]
    listener.wait_for(lambda name, _, data: name == "profiles" and data["etag"] == headers["etag"] and
                      data["profiles"] == body["profiles"], "the rows")
    listener.close()


def test_health(lab):
    sim, agent = start(lab)
    listener = Listener(agent.socket)
    lock = {"holder": "me", "ttl_s": 60}
    held = agent.http("PUT", "/v1/locks/switch", body=lock)[2]
    told = listener.wait_for(lambda name, _, data: name == "health" and "lock" in data)[2]
    assert told["lock"]["holder"] == "me" and told["lock"]["until"] == held["until"]
    assert told["ready"] is True and told["stranded"] is False and told["storage"] == {"ok": True}
    assert told["broker"] == {"configured": False, "online": False}
    assert agent.http("DELETE", "/v1/locks/switch?holder=me")[0] == 204
    listener.wait_for(lambda name, id, data: name == "health" and "lock" not in data)
    # One that ends by itself is told, too.
    at = len(listener.events)
    agent.http("PUT", "/v1/locks/switch", body={"holder": "me", "ttl_s": 1})
    wait_until(lambda: ["lock" in d for n, _, d in listener.events[at:] if n == "health"] == [True, False])
    sim.vanish()
    told = listener.wait_for(lambda name, _, data: name == "health" and not data["ready"])[2]
    assert told["trouble"]["code"] == "modem-absent" and told["trouble"]["detail"]
    # The words may change once more, from "is gone" to "cannot be opened".
    told = lambda: [d["trouble"]["detail"] for n, _, d in listener.events if n == "health" and not d["ready"]]
    wait_until(lambda: agent.http("GET", "/readyz")[2]["detail"] == told()[-1], what="the same words")
    sim.come_back()
    at = len(listener.events)
    wait_until(lambda: any(n == "health" and d["ready"] for n, _, d in listener.events[at:]))
    # The list is read anew and has another ETag; nobody has changed anything.
    etag = agent.http("GET", "/v1/profiles")[1]["etag"]
    wait_until(lambda: any(n == "profiles" for n, _, _ in listener.events[at:]))
    told = [d for n, _, d in listener.events[at:] if n == "profiles"]
    assert [d["by"] for d in told] == ["start"] and told[0]["etag"] == etag
    listener.close()


def test_the_broker(lab):
    sim = lab.sim()
    broker = lab.broker()
    agent = lab.agent(sim, broker)
    agent.wait_ready()
    wait_until(lambda: agent.http("GET", "/v1/info")[2]["broker"]["online"])
    listener = Listener(agent.socket)
    broker.stop()
    told = listener.wait_for(lambda n, _, d: n == "health" and not d["broker"]["online"] and
                             "trouble" in d["broker"])[2]["broker"]
    assert told["configured"] and told["trouble"]["code"] == "unreachable" and told["trouble"]["detail"]
    broker.start()
    told = listener.wait_for(lambda n, _, d: n == "health" and d["broker"]["online"])[2]["broker"]
    assert "trouble" not in told and told["since"].endswith("Z")
    listener.close()


def change(agent, count):
    """Events that cost nothing."""
    for i in range(count):
        agent.http("PUT", "/v1/locks/switch", body={"holder": "me", "ttl_s": 60 + i % 1000})


def test_resume(lab):
    _, agent = start(lab)
    first = Listener(agent.socket)
    change(agent, 3)
    wait_until(lambda: len(first.of("health")) == 3)
    seen = first.events[0][1]
    # Who has heard nothing yet can resume, too.
    fresh = Listener(agent.socket)
    wait_until(lambda: fresh.last_id)
    fresh.close()
    first.close()
    change(agent, 2)
    again = Listener(agent.socket, last_id=seen)
    wait_until(lambda: len(again.events) == 4)
    assert again.events[:2] == first.events[1:3]
    late = Listener(agent.socket, last_id=fresh.last_id)
    wait_until(lambda: len(late.events) == 2)
    assert late.events == again.events[2:]
    again.close()
    late.close()


@pytest.mark.parametrize("last_id", ["00000000-1", "nonsense", "-", "1", "x" * 4000])
def test_an_unknown_id(lab, last_id):
    _, agent = start(lab)
    listener = Listener(agent.socket, last_id=last_id)
    change(agent, 1)
    wait_until(lambda: listener.of("health"))
    assert listener.events[0][0] == "reset" and len(listener.of("health")) == 1
    assert listener.of("reset") == [{}]
    listener.close()


def test_after_a_restart(lab):
    _, agent = start(lab)
    listener = Listener(agent.socket)
    change(agent, 1)
    wait_until(lambda: listener.events)
    agent.stop()
    wait_until(lambda: listener.ended)
    assert listener.ended == "whole"
    agent.start()
    again = Listener(agent.socket, last_id=listener.last_id)
    wait_until(lambda: again.events)
    assert again.events[0][0] == "reset"
    again.close()


def test_out_of_the_ring(lab):
    _, agent = start(lab)
    listener = Listener(agent.socket)
    change(agent, 1)
    wait_until(lambda: listener.events)
    old = listener.last_id
    change(agent, 1025)
    wait_until(lambda: len(listener.events) >= 1026)
    new = listener.last_id
    listener.close()
    again = Listener(agent.socket, last_id=old)
    wait_until(lambda: again.events)
    assert again.events[0][0] == "reset"
    again.close()
    change(agent, 1024)
    again = Listener(agent.socket, last_id=new)
    wait_until(lambda: len(again.events) >= 1024)
    assert [name for name, _, _ in again.events] == ["health"] * 1024
    again.close()


def test_a_hundred(lab):
    _, agent = start(lab)
    before = fds(agent)
    listeners = [Listener(agent.socket) for _ in range(100)]
    assert all(one.status == 200 for one in listeners)
    one_more = Listener(agent.socket)
    assert one_more.status == 503 and one_more.headers["retry-after"]
    one_more.close()
    operation = agent.enable(BETA)[2]
    for one in listeners:
        assert one.wait_operation("succeeded")["id"] == operation["id"]
    # They end without a word, and make room.
    for one in listeners:
        one.close()
    wait_until(lambda: fds(agent) <= before + 2, what="the descriptors are closed")
    again = Listener(agent.socket)
    assert again.status == 200
    again.close()


def test_stop_with_listeners(lab):
    _, agent = start(lab)
    listeners = [Listener(agent.socket) for _ in range(20)]
    silent = Listener(agent.socket)
    change(agent, 1)
    agent.stop(timeout=10)
    for one in listeners + [silent]:
        wait_until(lambda: one.ended == "whole", what="the stream has its end")


def test_one_who_does_not_read(lab):
    """It is dropped; the others hear all the while, and the agent does not grow."""
    _, agent = start(lab)
    deaf = socket.socket(socket.AF_UNIX)
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.connect(agent.socket)
    deaf.sendall(b"GET /v1/events HTTP/1.1\r\nHost: lpm\r\n\r\n")
    listener = Listener(agent.socket)
    held, size = fds(agent), memory_kib(agent)
    done = 0
    end = time.monotonic() + 90 * harness.SLOW
    while fds(agent) >= held and time.monotonic() < end:
        change(agent, 50)
        done += 50
    assert fds(agent) < held
    # The ring, which all share, is full by then.
    assert os.environ.get("LPM_SANITIZE") or memory_kib(agent) < size + 8 * 1024
    wait_until(lambda: len(listener.of("health")) == done)
    deaf.close()
    listener.close()


def test_a_comment_keeps_it_alive(lab):
    _, agent = start(lab)
    listener = Listener(agent.socket)
    wait_until(lambda: listener.comments >= 2, timeout=60, what="a comment after 15 s")
    listener.close()


def test_who_may(lab, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("viewer looker-looker\n")
    port = harness.free_port()
    _, agent = start(lab, config={"api": {"view_socket": str(tmp_path / "view.sock"),
                                          "listen": f"127.0.0.1:{port}", "token_file": str(tokens)}})
    viewer = Listener(str(tmp_path / "view.sock"))
    assert viewer.status == 200
    viewer.close()
    for headers, status in (("", 401), ("Authorization: Bearer no\r\n", 401),
                            ("Authorization: Bearer looker-looker\r\n", 200)):
        with socket.create_connection(("127.0.0.1", port)) as s:
            s.sendall(f"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode())
            assert int(s.makefile("rb").readline().split()[1]) == status


def test_accept_and_head(lab):
    _, agent = start(lab)
    refused = Listener(agent.socket, headers="Accept: application/json\r\n")
    assert refused.status == 406
    refused.close()
    good = Listener(agent.socket, headers="Accept: text/event-stream\r\n")
    assert good.status == 200
    good.close()
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(agent.socket)
        s.settimeout(20)
        s.sendall(b"HEAD /v1/events HTTP/1.1\r\nHost: lpm\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: s.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"\r\n\r\n")
    assert answer.count(b"\r\n\r\n") == 1 and b"text/event-stream" in answer


def test_http_1_0(lab):
    _, agent = start(lab)
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(agent.socket)
        s.settimeout(20)
        s.sendall(b"GET /v1/events HTTP/1.0\r\n\r\n")
        text = b""
        while b"id: " not in text:  # it listens
            text += s.recv(4096)
        change(agent, 1)
        while b"event: health" not in text:
            text += s.recv(4096)
        assert b"chunked" not in text
