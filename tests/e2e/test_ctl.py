"""lpmctl against an agent: each command for people and for programs, its exit status, and what it does when the agent
refuses, restarts, loses an answer or is not there."""

import contextlib
import json
import os
import pty
import re
import shutil
import signal
import socket
import stat
import subprocess
import tarfile
import threading
import time
from pathlib import Path

import pytest

import harness
from harness import ALPHA, BETA, GAMMA, SANITIZER, SLOW, TIMEOUT, binary, free_port, wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
OK, FAILED, USAGE, UNREACHABLE, REFUSED, TIMED_OUT, LOCAL, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, 130
EID = "89001039450410141400000000001580"
LABELS = {"profiles": {BETA: {"label": "spare"}}}
DEAD = {"card.profiles.1.network.registration": "searching"}


def environment(**more):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("LPM_AGENT__", "LPM_SOCKET", "NO_COLOR"))}
    return {**env, "TERM": "xterm", **more}


def ctl(socket_path, *args, env=None, timeout=TIMEOUT * 4, **more):
    """Runs lpmctl to its end; `socket_path`: a path, or an agent. The configuration is the agent's."""
    words = [binary("lpmctl"), *args]
    if isinstance(socket_path, harness.Agent):
        words += ["--config", str(socket_path.config_path)]
    elif socket_path:
        words += ["--socket", str(socket_path), "--config", "/nowhere/config.json"]
    done = subprocess.run(
        words, env=environment(**(env or {})), capture_output=True, text=True, timeout=timeout * SLOW, **more
    )
    assert not SANITIZER.search(done.stderr), done.stderr
    return done


def begin(agent, *args, **more):
    words = [binary("lpmctl"), *args, "--config", str(agent.config_path)]
    return subprocess.Popen(
        words, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more
    )


def check(done, *statuses):
    assert done.returncode in statuses, f"{done.args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def quiet():
    """An agent that nobody but these tests asks for anything."""
    with harness.Lab() as lab:
        sim = lab.sim()
        agent = lab.agent(sim, config={**LABELS, "telemetry.sample_s": 3600})
        agent.wait_ready()
        yield agent


# --- reads ---

READS = [
    (["eid"], "/v1/eid", [EID]),
    (["profiles"], "/v1/profiles", ["ICCID", f"*  {ALPHA}", f"   {BETA}   spare", "fallback"]),
    (["info"], "/v1/info", ["agent", "modem", "ready", EID, "csim"]),
    (["connectivity"], "/v1/connectivity", ["home", "26201", "RSRP -95 dBm, RSRQ -10 dB", "attached"]),
    (["connectivity", "--since", "1h"], None, ["TIME", "NETWORK", "home"]),
    (["operations"], "/v1/operations", ["ID", "STATE"]),
    (["plan", "spare"], f"/v1/profiles/{BETA}/plan", [BETA, "accepted", "at most", ALPHA]),
    (["plan", BETA], f"/v1/profiles/{BETA}/plan", [BETA]),
    (["lock"], None, ["nobody holds the lock"]),
]


@pytest.mark.parametrize("args, path, shown", READS, ids=[" ".join(row[0]) for row in READS])
def test_reads(quiet, args, path, shown):
    quiet.http("GET", "/v1/connectivity", {"Cache-Control": "no-cache"})
    people = check(ctl(quiet, *args), OK)
    for text in shown:
        assert text in people.stdout
    assert "\033" not in people.stdout and not people.stderr
    programs = check(ctl(quiet, *args, "--json"), OK)
    document = json.loads(programs.stdout)
    if path:
        answer = quiet.http("GET", path)[2]
        for one in (answer, document):
            one.pop("at", None)
            one.get("agent", {}).pop("uptime_s", None)
        assert document == answer


def test_names_of_the_card_are_harmless(lab):
    """A card's own words reach no terminal raw, whatever the agent makes of them."""
    sim = lab.sim(overrides={"card.profiles.0.nickname": "a\u009b31mb"})
    agent = lab.agent(sim)
    agent.wait_ready()
    done = check(ctl(agent, "profiles"), OK)
    assert "\u009b" not in done.stdout and "a" in done.stdout


def test_finds_the_socket(quiet, tmp_path):
    config = tmp_path / "config.json"
    config.write_text('// a comment\n{"api": {"socket": "%s"}, "nonsense": 1}' % quiet.socket)
    assert EID in check(ctl(None, "eid", "--config", str(config)), OK).stdout
    assert EID in check(ctl(None, "eid", env={"LPM_SOCKET": quiet.socket}), OK).stdout
    done = ctl(None, "eid", "--socket", quiet.socket, env={"LPM_SOCKET": "/nowhere"})
    assert EID in check(done, OK).stdout
    # What the agent's own environment says of its configuration, with a file or without; each goes before the next.
    other = tmp_path / "other.json"
    other.write_text('{"api": {"socket": "/nowhere"}}')
    viewed = tmp_path / "viewed.json"
    viewed.write_text('{"api": {"socket": "/nowhere", "view_socket": "%s"}}' % quiet.socket)
    ours = {"LPM_AGENT__API__SOCKET": quiet.socket}
    for env, file in [
        (ours, other),
        (ours, tmp_path / "none"),
        ({"LPM_AGENT__api__socket": quiet.socket, "LPM_AGENT__NONSENSE": "1"}, other),
        ({"LPM_AGENT__API__SOCKET": "null"}, viewed),
        ({"LPM_AGENT__API__SOCKET": "/nowhere", "LPM_SOCKET": quiet.socket}, other),
    ]:
        assert EID in check(ctl(None, "eid", "--config", str(file), env=env), OK).stdout, env
    # A proxy of the environment is not for this.
    done = ctl(quiet, "eid", env={"http_proxy": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9"})
    check(done, OK)


# --- wrong usage, no agent, refusals ---

WRONG = [
    [], ["frobnicate"], ["enable"], ["enable", "a", "b"], ["eid", "--wait"], ["eid", "--timeout", "x"],
    ["connectivity", "--since", "yesterday"], ["lock", "--holder", "me"], ["lock", "--ttl-s", "5"],
    ["lock", "--holder", "me", "--ttl-s", "86401"], ["unlock"], ["unlock", "--holder", "a", "--force"],
    ["enable", ALPHA, "--key", "a b"], ["operations", "ID", "--limit", "3"], ["enable", "nobody"],
    ["cancel", "x" * 300],
]  # fmt: skip


@pytest.mark.parametrize("args", WRONG, ids=[" ".join(row)[:40] for row in WRONG])
def test_wrong_usage(quiet, args):
    done = check(ctl(quiet, *args), USAGE)
    assert done.stderr.startswith("lpmctl: ") and not done.stdout


def test_no_agent(tmp_path):
    path = tmp_path / "api.sock"
    done = check(ctl(path, "eid"), UNREACHABLE)
    assert str(path) in done.stderr and "doctor" in done.stderr
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(path))
    check(ctl(path, "profiles", "--json"), UNREACHABLE)
    check(ctl(path, "watch"), UNREACHABLE)
    check(ctl(path, "enable", ALPHA, "--wait"), UNREACHABLE)
    check(ctl("/" + "x" * 300, "eid"), UNREACHABLE)


REFUSALS = [
    (["enable", "8900000000000000000"], "profile-not-found"),
    (["plan", "8900000000000000000"], "profile-not-found"),
    (["cancel", "01JD0000000000000000000000"], "not-found"),
    (["confirm", "../../x"], "invalid-request"),
    (["operations", "--state", "done"], "invalid-request"),
    (["operations", "--before", "x&limit=1"], "invalid-request"),
    (["lock", "--holder", "a b\x7f", "--ttl-s", "5"], "invalid-request"),
]


@pytest.mark.parametrize("args, code", REFUSALS, ids=[" ".join(row[0])[:40] for row in REFUSALS])
def test_refused(quiet, args, code):
    done = check(ctl(quiet, *args), REFUSED)
    if code == "invalid-request":  # of a wrong id the agent says either
        assert re.match(r"lpmctl: refused: (invalid-request|not-found): ", done.stderr), done.stderr
    else:
        assert f"refused: {code}: " in done.stderr
    assert "what to do: " in done.stderr and not done.stdout
    problem = json.loads(check(ctl(quiet, *args, "--json"), REFUSED).stdout)
    assert problem["code"] in done.stderr


class Server:
    """Answers each connection on a unix socket with `reply(connection, head)`, on threads."""

    def __init__(self, path, reply):
        self.path = str(path)
        self.reply = reply
        self.heads = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen(16)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        head = b""
        with connection, contextlib.suppress(OSError):
            connection.settimeout(60 * SLOW)
            while b"\r\n\r\n" not in head:
                part = connection.recv(65536)
                if not part:
                    return
                head += part
            self.heads.append(head)
            self.reply(connection, head)

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@contextlib.contextmanager
def serving(path, reply):
    server = Server(path, reply)
    try:
        yield server
    finally:
        server.close()


def answer(connection, body, status="200 OK", kind="application/json"):
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)


def test_no_answer_in_time(tmp_path):
    over = threading.Event()
    with serving(tmp_path / "s", lambda connection, head: over.wait(60)) as server:
        done = check(ctl(server.path, "eid", "--timeout", "1"), TIMED_OUT)
        assert "in time" in done.stderr
        over.set()


def test_one_time_for_all_questions(tmp_path):
    """--timeout is for the command, however many questions it takes; each answer here takes 2 s of the 3."""
    operation = {"id": "01JD", "state": "running", "rev": 1, "phase": "enabling"}
    profiles = {"profiles": [{"iccid": BETA, "label": "spare"}]}

    def reply(connection, head):
        method, path, _ = head.decode().split(" ", 2)
        if path == "/v1/events":
            answer(connection, b"{}", "404 Not Found")
            return
        time.sleep(2)
        if path == "/v1/profiles":
            answer(connection, json.dumps(profiles).encode())
        else:
            ended = {} if method == "POST" else {"state": "succeeded", "rev": 2, "result": {"now": BETA}}
            answer(connection, json.dumps({**operation, **ended}).encode())

    with serving(tmp_path / "s", reply) as server:
        check(ctl(server.path, "enable", "spare", "--timeout", "3"), TIMED_OUT)
        check(ctl(server.path, "enable", BETA, "--wait", "--timeout", "3"), TIMED_OUT)
        check(ctl(server.path, "enable", BETA, "--wait", "--timeout", "60"), OK)


def test_a_bundle_waits_once_for_a_silent_agent(tmp_path):
    over = threading.Event()
    with serving(tmp_path / "s", lambda connection, head: over.wait(600)) as server:
        (tmp_path / "log").write_text("x\n")
        args = ["bundle", str(tmp_path / "b.tar.gz"), "--log", str(tmp_path / "log"), "--timeout", "1"]
        check(ctl(server.path, *args), OK)
        over.set()
        # What comes when the time is over is not even asked.
        assert len(server.heads) == 1
        assert "does not answer" in in_archive(tmp_path / "b.tar.gz")["doctor.txt"]


STRANGE = {
    "html": lambda c, head: answer(c, b"<html>", kind="text/html"),
    "half": lambda c, head: answer(c, b'{"eid":'),
    "deep": lambda c, head: answer(c, b"[" * 100 + b"]" * 100),
    "huge": lambda c, head: answer(c, b" " * (9 * 1024 * 1024)),
    "endless": lambda c, head: (c.sendall(b"HTTP/1.1 200 OK\r\n\r\n"), [c.sendall(b"x" * 65536) for _ in range(1000)]),
    "ssh": lambda c, head: c.sendall(b"SSH-2.0-x\r\n\r\n"),
    "problem": lambda c, head: answer(c, b"oops", "500 Internal Server Error"),
}


@pytest.mark.parametrize("what", STRANGE)
def test_who_is_no_agent(tmp_path, what):
    with serving(tmp_path / "s", STRANGE[what]) as server:
        for command in ("eid", "profiles", "info"):
            done = check(ctl(server.path, command, "--timeout", "20"), LOCAL)
            assert done.stderr and not done.stdout


ASKING = [
    ["eid"], ["profiles"], ["info"], ["connectivity"], ["connectivity", "--since", "1h"], ["operations"],
    ["operations", "x"], ["plan", ALPHA], ["plan", "spare"], ["cancel", "x"], ["confirm", "x"], ["lock"],
    ["lock", "--holder", "me", "--ttl-s", "5"], ["unlock", "--force"], ["enable", ALPHA], ["enable", ALPHA, "--wait"],
]  # fmt: skip
NOBODYS = [b"null", b"[]", b"{}", b"1e308", b'"x"', b'[{"id":"x","eid":"x"}]',
           b'{"eid":7,"profiles":7,"operations":{},"agent":[],"at":[],"samples":1,"holder":null,"id":1,"would":{}}',
           b'{"profiles":[7,null],"operations":[[]],"samples":["x"]}']  # fmt: skip


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "204 No Content"])
def test_believes_no_other_json(tmp_path, status):
    """Whoever answers with JSON is not the agent for that, and nothing was done by it."""
    body = [b""]
    with serving(tmp_path / "s", lambda c, head: answer(c, body[0], status)) as server:
        for body[0] in [b""] if status.startswith("204") else NOBODYS:
            for args in ASKING:
                if status.startswith("204") and args[0] == "unlock":
                    check(ctl(server.path, *args), OK)
                    continue
                for more in ([], ["--json"]):
                    done = check(ctl(server.path, *args, *more, "--timeout", "20"), LOCAL)
                    assert "is not lpm-agent" in done.stderr and not done.stdout, (args, done.stdout)


def test_answers_without_what_is_expected(tmp_path):
    """Whatever type a field has that nothing hangs on, it is shown or left out."""
    ours = {"eid": "x", "agent": {}, "at": "x", "holder": "x", "id": "x", "would": "x"}
    odd = [{"profiles": [], "operations": [], "samples": []},
           {"profiles": [{}], "operations": [{"phases": 7}], "samples": [{}], "modem": [], "data": 7},
           {"profiles": [{"iccid": None, "warnings": {}}], "operations": [{"id": 7, "error": []}],
            "samples": [{"at": 5, "data": {"addresses": [1]}}], "obstacles": [7], "error": 7, "state": "failed",
            "phases": [{"ms": 1e300}, {"ms": "x"}, 7]}]  # fmt: skip
    body = [b""]
    with serving(tmp_path / "s", lambda c, head: answer(c, body[0])) as server:
        for more in odd:
            body[0] = json.dumps({**ours, **more}).encode()
            for args in ASKING:
                if args[0] in ("unlock", "enable") or args[1:] == ["spare"]:
                    continue
                check(ctl(server.path, *args, "--timeout", "20"), OK)
            assert ctl(server.path, "enable", ALPHA, "--wait", "--timeout", "1").returncode in (FAILED, TIMED_OUT)
            check(ctl(server.path, "plan", "spare", "--timeout", "20"), USAGE)


def test_the_doctor_believes_no_other_json(tmp_path):
    """Neither that it is the agent, nor of an agent what is no answer to what was asked."""
    ours = {"agent": {"version": "x"}}
    body = {}

    def reply(connection, head):
        path = head.decode().split(" ")[1]
        answer(connection, body.get(path, body[""]))

    with serving(tmp_path / "s", reply) as server:
        for body[""] in NOBODYS:
            status, checks = doctor(server.path, "--timeout", "20")
            assert status == FAILED and levels(checks, "agent") == ["FAIL"] and levels(checks, "the rest") == ["-"]
            assert "is not lpm-agent" in checks["agent"][0]["text"]
        body["/v1/info"] = json.dumps(ours).encode()
        for body[""] in NOBODYS:
            _, checks = doctor(server.path, "--timeout", "20")
            assert levels(checks, "agent") == ["warn"] and "lpm-agent x answers" in checks["agent"][0]["text"]
            for name in ("profiles", "network", "lock", "switches"):
                assert not levels(checks, name), (body[""], checks)


def poisoned(value):
    if isinstance(value, dict):
        return {key: poisoned(one) for key, one in value.items()}
    if isinstance(value, list):
        return [poisoned(one) for one in value]
    return f"{value}\x1b[2J\u009b\u202e" if isinstance(value, str) else value


def test_nothing_moves_the_cursor(quiet, tmp_path):
    """Whatever an answer holds, nothing of it reaches people raw: in no command, at no end."""
    quiet.http("GET", "/v1/connectivity", {"Cache-Control": "no-cache"})
    ended = {"id": "x", "state": "failed", "phase": "y", "error": {"code": "c", "detail": "d", "sw": "s", "holder": "h"},
             "args": {"iccid": "i"}, "phases": [{"phase": "p", "ms": 1}], "result": {"now": "n", "from": "f"}}  # fmt: skip
    problem = {"code": "c", "detail": "d", "field": "f", "operation": "o", "until": "u"}

    def reply(connection, head):
        method, path, _ = head.decode().split(" ", 2)
        if path == "/v1/events":
            rows = {"operation": ended, "profiles": {"by": "x", "profiles": [{"enabled": True, "iccid": "i"}]},
                    "connectivity": {"registration": "r"}, "health": {"lock": {"holder": "h"}}}  # fmt: skip
            text = "".join(f"event: {n}\ndata: {json.dumps(poisoned(row))}\n\n" for n, row in rows.items())
            answer(connection, text.encode() + b"event: a\x1bb\ndata: 1\n\n", kind="text/event-stream")
        elif path.startswith("/v1/locks") and method == "DELETE":
            answer(connection, json.dumps(poisoned(problem)).encode(), "423 Locked")
        elif path.startswith("/v1/locks"):
            lock = {"holder": "h", "reason": "r", "until": "u", "ttl_s": 5}
            answer(connection, json.dumps(poisoned(lock)).encode())
        elif path.startswith("/v1/operations/") or method == "POST":
            answer(connection, json.dumps(poisoned(ended)).encode())
        else:
            answer(connection, json.dumps(poisoned(quiet.http(method, path)[2])).encode())

    lines = [args for args, _, _ in READS]
    lines += [["operations", "x"], ["cancel", "x"], ["confirm", "x"], ["enable", ALPHA], ["enable", ALPHA, "--wait"]]
    lines += [["unlock", "--force"], ["doctor"], ["watch", "--timeout", "1"]]
    with serving(tmp_path / "s", reply) as server:
        for args in lines:
            done = ctl(server.path, *args)
            assert done.stdout or done.stderr
            for raw in ("\x1b", "\u009b", "\u202e"):
                assert raw not in done.stdout + done.stderr, (args, done.stdout, done.stderr)


# --- switches ---


def test_enable_and_wait(lab):
    sim = lab.sim()
    agent = lab.agent(sim, lab.broker(), LABELS)
    agent.wait_ready()
    wait_until(lambda: agent.http("GET", "/v1/info")[2]["broker"]["online"], what="the broker")
    done = check(ctl(agent, "enable", "SPARE", "--wait", "--reason", "weekly test"), OK)
    lines = done.stdout.splitlines()
    phases = [line.split()[0] for line in lines[1:-1]]
    assert phases == ["enabling", "resetting", "registering", "attaching", "verifying"], done.stdout
    assert all(re.search(r"\d (ms|s)$", line) for line in lines[1:-1])
    assert re.match(rf"succeeded: {BETA} is in use, proven: broker(, no network for \d.* m?s)?$", lines[-1]), lines
    operation_id = lines[0].split()[1]
    assert agent.operation(operation_id)["reason"] == "weekly test"
    # Again: nothing to do, and said so.
    assert "was in use already" in check(ctl(agent, "enable", BETA), OK).stdout
    shown = check(ctl(agent, "operations", operation_id), OK).stdout
    assert "succeeded" in shown and "weekly test" in shown and "broker" in shown
    # Without --wait it says the id.
    done = check(ctl(agent, "enable", ALPHA, "--json"), OK)
    operation = json.loads(done.stdout)
    assert operation["source"]["request"].startswith("lpmctl-")
    agent.wait_operation(operation["id"])
    rows = check(ctl(agent, "operations", "--state", "succeeded", "--limit", "1"), OK).stdout.splitlines()
    assert len(rows) == 2 and operation["id"] in rows[1]
    assert "too-late" in check(ctl(agent, "cancel", operation["id"]), REFUSED).stderr
    done = check(ctl(agent, "enable", GAMMA, "--wait", "--json"), OK)
    assert json.loads(done.stdout)["result"]["now"] == GAMMA


def test_refused_by_the_card_or_the_door(lab):
    sim = lab.sim("policy.json")
    agent = lab.agent(sim)
    agent.wait_ready()
    done = check(ctl(agent, "enable", BETA, "--wait"), FAILED)
    assert "failed: policy-forbids: " in done.stdout and "status word: 69E1" in done.stdout
    assert "what to do: " in done.stdout
    check(ctl(agent, "lock", "--holder", "field-team", "--ttl-s", "600", "--reason", "antenna"), OK)
    done = check(ctl(agent, "enable", BETA), REFUSED)
    assert "locked" in done.stderr and "held by: field-team" in done.stderr and "until: " in done.stderr
    assert "field-team" in check(ctl(agent, "lock"), OK).stdout
    check(ctl(agent, "lock", "--holder", "other", "--ttl-s", "600"), REFUSED)
    check(ctl(agent, "unlock", "--holder", "other"), REFUSED)
    check(ctl(agent, "unlock", "--holder", "field-team", "--json"), OK)
    assert "nobody" in check(ctl(agent, "lock"), OK).stdout
    assert json.loads(check(ctl(agent, "lock", "--json"), OK).stdout)["code"] == "not-found"
    check(ctl(agent, "lock", "--holder", "a", "--ttl-s", "600"), OK)
    check(ctl(agent, "unlock", "--force"), OK)


def test_a_switch_that_fails(lab):
    sim = lab.sim(overrides=DEAD)
    agent = lab.agent(sim, config={"switch.register_s": 3})
    agent.wait_ready()
    done = check(ctl(agent, "enable", BETA, "--wait"), FAILED)
    assert "rolling-back" in done.stdout and "failed: not-registered: " in done.stdout
    assert f"in use now: {ALPHA}" in done.stdout and "what to do: " in done.stdout
    operation = json.loads(check(ctl(agent, "enable", BETA, "--wait", "--json"), FAILED).stdout)
    assert operation["error"]["code"] == "not-registered"
    assert "last switch: not-registered" in check(ctl(agent, "profiles"), OK).stdout


def test_confirm(lab):
    sim = lab.sim()
    agent = lab.agent(sim)
    agent.wait_ready()
    waiting = begin(agent, "enable", BETA, "--wait", "--confirm-s", "600", "--key", "k1")
    operation_id = waiting.stdout.readline().split()[1]
    agent.wait_operation(operation_id, lambda op: op["phase"] == "confirming")
    check(ctl(agent, "confirm", operation_id), OK)
    out, err = waiting.communicate(timeout=TIMEOUT * SLOW)
    assert waiting.returncode == OK and "confirming" in out and "succeeded" in out, out + err
    # The same key: the same operation, no second switch.
    assert operation_id in check(ctl(agent, "enable", BETA, "--confirm-s", "600", "--key", "k1", "--json"), OK).stdout
    assert "key-reused" in check(ctl(agent, "enable", ALPHA, "--key", "k1"), REFUSED).stderr


def on_terminal(agent, *args, env=None, until=None):
    """Runs it on a pseudo-terminal; gives what it wrote there and its status. `until`: called with what has
    come so far, may send a signal."""
    pid, fd = pty.fork()
    if pid == 0:
        words = [binary("lpmctl"), *args, "--config", str(agent.config_path)]
        os.execve(words[0], words, environment(**(env or {})))
    out = b""
    with contextlib.suppress(OSError):  # Linux says EIO at its end
        while part := os.read(fd, 65536):
            out += part
            if until and until(out.decode(errors="replace"), fd):
                until = None
    os.close(fd)
    return out.decode(errors="replace"), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_live_on_a_terminal(lab):
    sim = lab.sim()
    agent = lab.agent(sim, config=LABELS)
    agent.wait_ready()
    out, status = on_terminal(agent, "enable", BETA, "--wait")
    assert status == OK, out
    assert "\r\033[K" in out and "…" in out
    # What stays on the screen: one line a phase, in order, and the end.
    screen = [line.rpartition("\033[K")[2] for line in out.split("\n")]
    phases = [line.split()[0] for line in screen if re.match(r"  [a-z-]+ +[\d.]+ m?s\r$", line)]
    assert phases == ["enabling", "resetting", "registering", "attaching", "verifying"], out
    assert any("\033[32msucceeded" in line for line in screen)
    out, status = on_terminal(agent, "profiles")
    assert status == OK and f"\033[1m{BETA}" in out
    assert "\033" not in on_terminal(agent, "profiles", env={"NO_COLOR": "1"})[0]
    assert "\033" not in on_terminal(agent, "profiles", "--json")[0]
    # A terminal that knows no escapes gets the lines that a file gets.
    for term, iccid in (("dumb", ALPHA), ("", BETA)):
        out, status = on_terminal(agent, "enable", iccid, "--wait", env={"TERM": term})
        assert status == OK and "\033" not in out and "…" not in out, out
        phases = [line.split()[0] for line in out.splitlines() if re.match(r"  [a-z-]+ +[\d.]+ m?s$", line)]
        assert phases == ["enabling", "resetting", "registering", "attaching", "verifying"], out
        assert "\033" not in on_terminal(agent, "profiles", env={"TERM": term})[0]


def test_interrupted_it_goes_on(lab):
    sim = lab.sim(overrides=DEAD)
    agent = lab.agent(sim, config={"switch.register_s": 20})
    agent.wait_ready()

    def press(out, fd):
        return "registering" in out and os.write(fd, b"\x03")

    out, status = on_terminal(agent, "enable", BETA, "--wait", until=press)
    operation_id = re.search(r"operation (\w+)", out)[1]
    assert status == INTERRUPTED, out
    assert f"lpmctl operations {operation_id}" in out and f"lpmctl cancel {operation_id}" in out
    assert agent.operation(operation_id)["state"] == "running"
    # And by --timeout.
    waiting = ctl(agent, "enable", BETA, "--wait", "--key", agent.operation(operation_id)["source"]["request"],
                  "--timeout", "1")  # fmt: skip
    assert operation_id in check(waiting, TIMED_OUT).stderr
    assert agent.wait_operation(operation_id)["error"]["code"] == "not-registered"


# --- what comes between ---


def relay(agent, change=None):
    """To the agent and back; `change(head, number)` may say how an exchange fails: "lose": the answer is taken and
    thrown away, "404", or a number: so many bytes of the answer."""
    counts = {}

    def reply(connection, head):
        line = head.split(b"\r\n")[0].decode()
        counts[line] = counts.get(line, 0) + 1
        how = change(line, counts[line]) if change else None
        if how == "404":
            answer(connection, b'{"code":"not-found","detail":"no"}', "404 Not Found")
            return
        with socket.socket(socket.AF_UNIX) as to:
            to.settimeout(60 * SLOW)
            to.connect(agent.socket)
            to.sendall(head)
            left = how if isinstance(how, int) else None
            while part := to.recv(65536):
                if how == "lose":
                    return
                connection.sendall(part if left is None else part[:left])
                if left is not None:
                    left -= len(part)
                    if left <= 0:
                        return

    return reply


def test_a_lost_answer_switches_once(lab):
    sim = lab.sim()
    agent = lab.agent(sim)
    agent.wait_ready()

    def lose_two(line, number):
        return "lose" if line.startswith("POST") and number <= 2 else None

    with serving(lab.folder / "relay", relay(agent, lose_two)) as server:
        done = check(ctl(server.path, "enable", BETA, "--wait"), OK)
    posts = [head for head in server.heads if head.startswith(b"POST")]
    assert len(posts) == 3 and len({re.search(rb"Idempotency-Key: (\S+)", p)[1] for p in posts}) == 1
    assert "succeeded" in done.stdout
    assert len(agent.http("GET", "/v1/operations")[2]["operations"]) == 1
    assert sim.ops().count("enable") == 1
    # All of them lost: it says how to ask again.
    with serving(lab.folder / "relay-2", relay(agent, lambda line, n: "lose")) as server:
        done = check(ctl(server.path, "enable", ALPHA, "--timeout", "3"), UNREACHABLE, TIMED_OUT)
    key = re.search(r"--key (\S+)", done.stderr)[1]
    check(ctl(agent, "enable", ALPHA, "--wait", "--key", key), OK)
    assert sim.ops().count("enable") == 2


@pytest.mark.parametrize("how", ["404", 300], ids=["no events", "cut events"])
def test_follows_without_events(lab, how):
    sim = lab.sim()
    agent = lab.agent(sim)
    agent.wait_ready()
    with serving(
        lab.folder / "relay", relay(agent, lambda line, n: how if "/v1/events" in line else None)
    ) as server:
        done = check(ctl(server.path, "enable", BETA, "--wait"), OK)
    assert "registering" in done.stdout and "succeeded" in done.stdout
    assert sum(b"/v1/operations/" in head for head in server.heads) > 1


UNFINISHED = {
    "its time is over": (None, ["--timeout", "5"], TIMED_OUT),
    "Ctrl-C": (None, [], INTERRUPTED),
    "the agent is lost": ("lost", ["--timeout", "8"], UNREACHABLE),
    "the agent knows it no more": ("404 Not Found", [], REFUSED),
}


@pytest.mark.parametrize("how", UNFINISHED)
def test_programs_get_what_is_known_of_a_switch_that_goes_on(tmp_path, how):
    """A document whatever ends it: the operation as it was last seen, which is more than the first of it."""
    then, args, status = UNFINISHED[how]
    operation = {"id": "01JD", "state": "running", "rev": 1, "phase": "enabling"}
    later = json.dumps({**operation, "rev": 2, "phase": "registering"}).encode()
    asked = []

    def reply(connection, head):
        line = head.split(b"\r\n")[0]
        if line.startswith(b"POST"):
            answer(connection, json.dumps(operation).encode())
        elif b"/v1/events" in line:
            answer(connection, b'{"code":"not-found","detail":"no"}', "404 Not Found")
        elif not asked or not then:
            answer(connection, later)
            asked.append(line)
        elif then != "lost":
            answer(connection, b'{"code":"not-found","detail":"no"}', then)

    with serving(tmp_path / "s", reply) as server:
        words = [binary("lpmctl"), "enable", BETA, "--wait", "--json", "--socket", server.path, *args]
        process = subprocess.Popen(
            words, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        if how == "Ctrl-C":
            wait_until(lambda: len(asked) > 1, what="it has asked again")
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=TIMEOUT * SLOW)
    assert process.returncode == status, out + err
    assert json.loads(out) == json.loads(later) and "01JD" in err


def test_follows_over_a_restart(lab):
    sim = lab.sim(overrides=DEAD)
    agent = lab.agent(sim, config={"switch.register_s": 20})
    agent.wait_ready()
    waiting = begin(agent, "enable", BETA, "--wait")
    operation_id = waiting.stdout.readline().split()[1]
    agent.wait_operation(operation_id, lambda op: op["phase"] == "registering")
    agent.kill()
    sim.set("card.profiles.1.network.registration", "home")
    assert "does not answer" in waiting.stderr.readline()
    agent.start()
    out, err = waiting.communicate(timeout=TIMEOUT * 4 * SLOW)
    assert waiting.returncode == OK, out + err
    assert "succeeded" in out


# What a watch says when the agent has gone, once.
AWAY = r"lpmctl: the agent at \S+ is away; waiting for it\n"


class Watch:
    """A running `lpmctl watch` and its lines."""

    def __init__(self, agent, *args):
        self.process = begin(agent, "watch", *args)
        self.lines = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line)

    def events(self, name=None):
        rows = [json.loads(line) for line in list(self.lines)]
        return [row for row in rows if name is None or row["event"] == name]

    def end(self):
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(10 * SLOW)
        self._thread.join()
        return status, self.process.stderr.read()


def test_watch_over_a_restart(lab):
    sim = lab.sim()
    agent = lab.agent(sim, config={**LABELS, "telemetry.sample_s": 3600})
    agent.wait_ready()
    watch, people = Watch(agent, "--json"), Watch(agent)
    # A listener hears what comes after it came.
    _, _, first = wait_until(lambda: self_test(agent, watch, BETA), what="an operation is heard")
    # The list is told when the agent has it again, a moment after the switch.
    told = [
        rf"^\S+Z  operation +{first['id']} succeeded, .*to {BETA}",
        rf"^\S+Z  profiles +3 on the card, in use: {BETA} spare",
    ]
    for pattern in told:
        wait_until(lambda: re.search(pattern, "".join(people.lines), re.M), what=f"people read {pattern}")
    agent.stop()
    agent.start()
    agent.wait_ready()
    wait_until(lambda: heard_again(agent, watch), what="events of the agent that is back")
    heard = [row["data"] for row in watch.events("operation") if row["data"]["id"] == first["id"]]
    assert heard and heard[-1]["state"] == "succeeded"
    ids = [row["id"] for row in watch.events() if row["event"] != "reset"]
    assert len(ids) == len(set(ids)), "an event came twice"
    instances = {i.rpartition("-")[0] for i in ids}
    assert len(instances) == 2
    assert [row for row in watch.events("reset")], "another instance: read all anew"
    wait_until(lambda: re.search(r"^\S+Z  reset  ", "".join(people.lines), re.M), what="people hear of it, too")
    for one in (watch, people):
        status, err = one.end()
        assert status == OK and re.fullmatch(AWAY, err), err


def self_test(agent, watch, iccid):
    """A switch; what came of it when the watch has heard its end."""
    status, headers, operation = agent.enable(iccid)
    assert status == 200, operation
    heard = wait_until(
        lambda: [r for r in watch.events("operation") if r["data"]["id"] == operation["id"]] or "nothing",
        what="events",
    )
    return None if heard == "nothing" else (status, headers, operation)


def heard_again(agent, watch):
    before = len(watch.events("operation"))
    other = next(row for row in agent.http("GET", "/v1/profiles")[2]["profiles"] if not row["enabled"])
    agent.enable(other["iccid"])
    return len(watch.events("operation")) > before


EVENT = b"id: 1\nevent: health\ndata: {}\n\n"


def stream(connection, body, kind="text/event-stream"):
    connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n\r\n".encode() + body)


def test_watch_ends_by_its_time_and_with_its_reader(quiet, tmp_path):
    check(ctl(quiet, "watch", "--timeout", "5"), OK)
    with serving(tmp_path / "s", lambda c, head: stream(c, EVENT)) as server, open("/dev/full", "w") as full:
        for words in (["eid", "--socket", quiet.socket], ["watch", "--socket", server.path]):
            words = [binary("lpmctl"), *words]
            done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60 * SLOW)
            assert done.returncode == LOCAL and "could not be written" in done.stderr, words


def test_watch_of_who_never_answers(tmp_path):
    """Nothing was watched: that is no good end, by its time or by Ctrl-C."""
    over = threading.Event()
    with serving(tmp_path / "s", lambda connection, head: over.wait(60 * SLOW)) as server:
        done = check(ctl(server.path, "watch", "--timeout", "1"), TIMED_OUT)
        assert "in time" in done.stderr and not done.stdout
        words = [binary("lpmctl"), "watch", "--socket", server.path]
        process = subprocess.Popen(words, env=environment())
        wait_until(lambda: len(server.heads) == 2, what="it has asked")
        process.send_signal(signal.SIGINT)
        assert process.wait(60 * SLOW) == INTERRUPTED
        over.set()


def test_watch_says_once_that_the_agent_is_away(tmp_path):
    """However often it is tried again in vain; and anew when it goes a second time."""
    over = threading.Event()
    count = [0]

    def reply(connection, head):
        count[0] += 1
        if count[0] in (1, 5, 7):
            stream(connection, b"retry: 50\n" + EVENT)
        if count[0] == 7:
            over.wait(60 * SLOW)

    with serving(tmp_path / "s", reply) as server:
        words = [binary("lpmctl"), "watch", "--json", "--socket", server.path]
        process = subprocess.Popen(
            words, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(3):
            assert '"health"' in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60 * SLOW)
        over.set()
    assert process.returncode == OK and re.fullmatch(f"({AWAY}){{2}}", err), err


NO_STREAMS = {
    "html": lambda c, head: answer(c, b"<html>", kind="text/html"),
    "json": lambda c, head: answer(c, b"{}"),
    "html without end": lambda c, head: (stream(c, b"<html>", "text/html"), c.recv(1)),
    "no type": lambda c, head: c.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + EVENT),
    "a longer type": lambda c, head: stream(c, EVENT, "text/event-streams"),
}


@pytest.mark.parametrize("what", NO_STREAMS)
def test_watch_takes_nothing_but_events(tmp_path, what):
    with serving(tmp_path / "s", NO_STREAMS[what]) as server:
        done = check(ctl(server.path, "watch"), LOCAL)
        assert "is not lpm-agent" in done.stderr and not done.stdout
    # Also where the agent was before.
    head_count = [0]

    def first_ours(connection, head):
        head_count[0] += 1
        if head_count[0] == 1:
            stream(connection, b"retry: 100\n" + EVENT, "Text/Event-Stream ; charset=utf-8")
        else:
            NO_STREAMS[what](connection, head)

    with serving(tmp_path / "t", first_ours) as server:
        done = check(ctl(server.path, "watch", "--json"), LOCAL)
        assert '"health"' in done.stdout and "is not lpm-agent" in done.stderr


# --- doctor ---


def doctor(agent, *args, **more):
    """(status, {check: [rows]})"""
    done = ctl(agent, "doctor", "--json", *args, **more)
    report = json.loads(done.stdout)
    assert report["ok"] == (done.returncode == OK), done.stdout
    checks = {}
    for row in report["checks"]:
        checks.setdefault(row["check"], []).append(row)
        assert row["level"] in ("ok", "warn", "FAIL", "-") and row["text"]
        assert row["level"] != "FAIL" or row.get("advice") or row["check"] == "configuration"
    return done.returncode, checks


def levels(checks, name):
    return [row["level"] for row in checks.get(name, [])]


def test_doctor_finds_nothing(lab):
    sim = lab.sim()
    agent = lab.agent(sim, lab.broker())
    agent.wait_ready()
    wait_until(lambda: agent.http("GET", "/v1/info")[2]["broker"]["online"], what="the broker")
    status, checks = doctor(agent)
    assert status == OK, checks
    for name in ("configuration", "agent", "port", "port access", "modem", "card", "network", "signal", "data",
                 "broker", "storage", "stranded", "clock"):  # fmt: skip
        assert levels(checks, name) == ["ok"], (name, checks)
    assert checks["profiles"][0]["level"] == "ok" and ALPHA in checks["profiles"][0]["text"]
    assert any("check digit" in row["text"] for row in checks["profiles"])  # the guide's own ICCID is odd
    people = check(ctl(agent, "doctor"), OK).stdout
    assert re.search(r"^ok   modem  ", people, re.M) and re.search(r"^warn profiles ", people, re.M)


def test_doctor_looks_at_the_probes(lab):
    targets = [f"127.0.0.1:{free_port()}"]
    agent = lab.agent(lab.sim(), config={"probe": {"targets": targets, "interval_s": 5, "failing_interval_s": 5}})
    agent.wait_ready()
    wait_until(lambda: agent.http("GET", "/v1/connectivity")[2].get("quality", {}).get("loss_pct") == 100, 60)
    status, checks = doctor(agent)
    assert status == FAILED and levels(checks, "probes") == ["FAIL"]
    assert "probe.targets" in checks["probes"][0]["advice"]


def test_doctor_without_an_agent(lab, tmp_path):
    sim = lab.sim()
    agent = lab.agent(sim, start=False)
    status, checks = doctor(agent)
    assert status == FAILED
    assert levels(checks, "configuration") == ["ok"] and levels(checks, "port") == ["ok"]
    assert levels(checks, "agent") == ["FAIL"] and "systemctl start" in checks["agent"][0]["advice"]
    assert levels(checks, "the rest") == ["-"]
    # The file of a socket that nobody listens at.
    agent.start()
    agent.kill()
    status, checks = doctor(agent)
    assert "nobody listens" in checks["agent"][0]["text"]
    # A wrong configuration, none at all.
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"modem": {"port": 7}, "bogus": 1}')
    done = ctl(None, "doctor", "--config", str(wrong), "--socket", agent.socket)
    assert check(done, FAILED).stdout.count("FAIL configuration") >= 2 and "bogus" in done.stdout
    done = ctl(None, "doctor", "--config", str(tmp_path / "none"), "--socket", agent.socket)
    assert "FAIL configuration" in check(done, FAILED).stdout
    # A port that is not there.
    agent.write_config({"modem.port": str(tmp_path / "ttyUSB2")})
    assert levels(doctor(agent)[1], "port") == ["FAIL"]


@pytest.mark.skipif(os.geteuid() != 0, reason="another user is needed")
def test_doctor_of_who_may_not(lab):
    sim = lab.sim()
    agent = lab.agent(sim)
    agent.wait_ready()
    for folder in (lab.folder, agent.folder):
        os.chmod(folder, 0o755)
    program = lab.folder / "lpmctl"
    shutil.copy(binary("lpmctl"), program)
    words = [str(program), "--socket", agent.socket, "--config", str(agent.config_path)]
    nobody = {"user": 65534, "group": 65534, "extra_groups": [], "cwd": "/", "env": environment()}
    done = subprocess.run([*words, "doctor"], capture_output=True, text=True, timeout=60 * SLOW, **nobody)
    assert done.returncode == FAILED, done.stderr
    assert re.search(r"FAIL agent +not allowed to open .*\n +-> Try sudo", done.stdout), done.stdout
    done = subprocess.run([*words, "eid"], capture_output=True, text=True, timeout=60 * SLOW, **nobody)
    assert done.returncode == UNREACHABLE and "group 'root'" in done.stderr


def test_doctor_modem_pulled(lab):
    sim = lab.sim()
    agent = lab.agent(sim)
    agent.wait_ready()
    sim.vanish()
    wait_until(lambda: not agent.ready(), what="the agent misses it")
    status, checks = doctor(agent)
    assert status == FAILED and levels(checks, "modem") == ["FAIL"]
    assert "modem-absent" in checks["modem"][0]["text"] and "plugged in" in checks["modem"][0]["advice"]
    assert levels(checks, "port") == ["FAIL"]


@pytest.mark.parametrize("key, value", [("modem.cpin", "SIM PIN"), ("card.profiles.0.network.sim_lock", True)])
def test_doctor_sim_locked(lab, key, value):
    sim = lab.sim(overrides={key: value})
    agent = lab.agent(sim)
    wait_until(lambda: agent.http("GET", "/readyz")[2].get("code") == "sim-locked", what="the agent meets the lock")
    status, checks = doctor(agent)
    assert status == FAILED, checks
    rows = [row for row in sum(checks.values(), []) if "sim-locked" in row["text"]]
    assert rows and "PIN" in rows[0]["advice"], checks


def test_doctor_broker_unreachable(lab):
    agent = lab.agent(lab.sim(), mqtt_port=free_port())
    agent.wait_ready()
    wait_until(lambda: agent.http("GET", "/v1/info")[2]["broker"].get("trouble"), what="trouble with the broker")
    status, checks = doctor(agent)
    assert status == FAILED and levels(checks, "broker") == ["FAIL"]
    assert "offline: " in checks["broker"][0]["text"] and "mqtt.uri" in checks["broker"][0]["advice"]


@contextlib.contextmanager
def called(name, folder, keeps_open=None):
    """A process of that name."""
    program = folder / name
    shutil.copy("/bin/sleep", program)
    fd = os.open(keeps_open, os.O_RDONLY | os.O_NOCTTY) if keeps_open else None
    process = subprocess.Popen([str(program), "600"], pass_fds=[fd] if fd else [])
    if fd:
        os.close(fd)
    try:
        wait_until(lambda: Path(f"/proc/{process.pid}/comm").read_text().strip() == name, what="its name")
        yield process
    finally:
        harness.end_process(process)


def test_doctor_modem_manager(lab, tmp_path):
    sim = lab.sim()
    agent = lab.agent(sim, start=False)
    port = os.path.realpath(sim.link)
    with called("ModemManager", tmp_path) as process:
        checks = doctor(agent)[1]
        assert levels(checks, "ModemManager") == ["warn"] and levels(checks, "port alone") == ["ok"]
        assert str(process.pid) in checks["ModemManager"][0]["text"]
        assert "ID_MM_PORT_IGNORE" in checks["ModemManager"][0]["advice"]
    with called("ModemManager", tmp_path / "..", port):
        checks = doctor(agent)[1]
        assert levels(checks, "port alone") == ["FAIL"] and "ModemManager" in checks["port alone"][0]["text"]
    with called("minicom", tmp_path, port):
        assert levels(doctor(agent)[1], "port alone") == ["warn"]


# --- bundle ---

SECRET = "hunter2-of-the-broker"


def in_archive(path):
    with tarfile.open(path) as archive:
        return {
            member.name.split("/")[-1]: archive.extractfile(member).read().decode()
            for member in archive.getmembers()
            if member.isfile()
        }


def swapped(digits):
    """As a card keeps it."""
    even = digits + "F" * (len(digits) % 2)
    return "".join(even[i + 1] + even[i] for i in range(0, len(even), 2))


# As modems write them, before anybody cut them: what the agent's own trace never has.
RAW = f"""
AT+CGAUTH=1,2,"user-9","{SECRET}"
+CGAUTH: 1,2,"user-9","{SECRET}"
+QICSGP: 1,"iot.example","user-9","{SECRET}",2
AT+CMEE=1;+CNMPWD=1,"{SECRET}"
AT+CPIN="4711"
+CIMI: 262011234567890
262-01-1234567890
+GSN: 35-209900-176148-1
+CCID: {BETA}
+CGPADDR: 1,"010.011.012.013"
+CGCONTRDP: 1,5,"iot.example","10.11.12.13.255.255.255.0"
+CRSM: 144,0,"{swapped(BETA)}"
\0password=x,{SECRET} Bearer {SECRET} 10.11.12.13 2001:db8::17
Authorization: Basic {SECRET}
8900-1039-4504-1014-1400-0000-0000-1580
asked Jo.Doe@mail.example.org, +49 171 2345678: the PIN is 4711
{{"token":["x","{SECRET}"]}} mqtts://user-9:p@{SECRET}@broker.example
last line
"""


def test_bundle_names_nobody(lab, tmp_path):
    (lab.folder / "password").write_text(SECRET + "\n")
    os.chmod(lab.folder / "password", 0o600)
    sim = lab.sim()
    agent = lab.agent(
        sim,
        lab.broker(),
        {
            "profiles": {BETA: {"label": "spare", "apn": "iot.example", "username": "user-7"}},
            "mqtt.username": "user-8",
            "mqtt.password_file": str(lab.folder / "password"),
            "modem.init": ['AT+CPIN="4711"', "ATE0"],
            "log.identities": True,
            "log.at_trace": str(lab.folder / "at.trace"),
        },
    )
    agent.wait_ready()
    agent.enable(BETA)
    reading = agent.http("GET", "/v1/connectivity", {"Cache-Control": "no-cache"})[2]
    hashed = reading["imsi_hash"]
    told = "PIN 4711 of jo.doe@mail.example.org, +491712345678"
    check(ctl(agent, "lock", "--holder", "me", "--ttl-s", "600", "--reason", told), OK)
    log = lab.folder / "agent.log"
    trace = (lab.folder / "at.trace").read_text() if (lab.folder / "at.trace").exists() else ""
    log.write_text(agent.stderr() + trace + RAW)
    target = tmp_path / "b.tar.gz"
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    done = check(ctl(agent, "bundle", str(target), "--log", str(log), env={"TMPDIR": str(temporary)}), OK)
    assert str(target) in done.stdout and not done.stderr
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.tar.gz", "tmp"] and not list(temporary.iterdir())
    files = in_archive(target)
    for name in ("manifest.json", "info.json", "readyz.json", "profiles.json", "operations.json", "connectivity.json",
                 "doctor.txt", "config.json", "agent.log"):  # fmt: skip
        assert files[name], name
    for name, text in files.items():
        for word in (ALPHA, BETA, GAMMA, EID, swapped(ALPHA), swapped(BETA)[:-2], "262011234567890", SECRET,
                     "user-7", "user-8", "user-9", "10.11.12.13", "10.22.0.2", "2001:db8::17", "010.011.012.013",
                     "1234567890", "176148", "8900-1039", hashed, "jo.doe", "2345678"):  # fmt: skip
            assert word.lower() not in text.lower(), f"{name} tells {word}"
        assert not re.search(r"\b4711\b", text), f"{name} tells the PIN"
        text = re.sub(r"\bA00000[0-9A-Fa-f]{4,26}\b", "AID", text)
        assert not re.search(r"[0-9]{14,}", text), f"{name}: {re.search(r'.{20}[0-9]{14,}', text)}"
    assert files["agent.log"].endswith("\nlast line\n")
    # The same mask everywhere: rows can be matched.
    rows = json.loads(files["profiles.json"])["profiles"]
    beta = next(row["iccid"] for row in rows if row.get("label") == "spare")
    assert beta == "*1988"
    assert json.loads(files["operations.json"])["operations"][0]["result"]["to"] == beta
    assert json.loads(files["connectivity.json"])["samples"] and beta in files["doctor.txt"]
    assert json.loads(files["config.json"])["profiles"][beta]["apn"] == "iot.example"
    manifest = json.loads(files["manifest.json"])
    assert {row["file"] for row in manifest["files"] if "bytes" in row} == set(files) - {"manifest.json"}
    assert json.loads(files["lock.json"])["reason"] == "PIN *** of <mail-1>, <phone-1>"
    # What all cards of a kind share names none of them.
    rows = agent.http("GET", "/v1/profiles")[2]["profiles"]
    assert [row["aid"] for row in json.loads(files["profiles.json"])["profiles"]] == [row["aid"] for row in rows]
    assert json.loads(files["info.json"])["card"].get("aid") == agent.http("GET", "/v1/info")[2]["card"].get("aid")


def test_bundle_without_an_agent(lab, tmp_path):
    agent = lab.agent(lab.sim(), start=False)
    log = tmp_path / "log"
    log.write_text("".join(f"line {i}\n" for i in range(5000)))
    done = check(ctl(agent, "bundle", "--log", str(log), "--json", cwd=tmp_path), OK)
    made = list(tmp_path.glob("lpm-bundle-*.tar.gz"))
    assert len(made) == 1
    files = in_archive(made[0])
    assert files["agent.log"].splitlines() == [f"line {i}" for i in range(3000, 5000)]
    assert "FAIL agent" in files["doctor.txt"] and files["config.json"] and "info.json" not in files
    assert json.loads(done.stdout) == json.loads(files["manifest.json"])
    check(ctl(agent, "bundle", str(tmp_path / "no" / "b.tar.gz"), "--log", str(log)), LOCAL)
    # No program to pack with: nothing is left behind.
    done = check(ctl(agent, "bundle", str(tmp_path / "x.tar.gz"), "--log", str(log), env={"PATH": "/nowhere"}), LOCAL)
    assert "tar" in done.stderr and not list(tmp_path.glob("x.tar.gz*"))


def test_bundle_replaces_files_alone(tmp_path):
    """A pipe, a device, a folder or a link that stands there already stays what it is."""
    log = tmp_path / "log"
    log.write_text("x\n")
    (tmp_path / "file.tar.gz").write_text("old")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(tmp_path / "socket"))
    links = {"to-device": "/dev/null", "to-pipe": tmp_path / "pipe", "to-file": log, "to-nothing": tmp_path / "none"}
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
    before = {path.name: path.lstat() for path in tmp_path.iterdir()}
    for name in ("folder", "pipe", "socket", *links):
        done = check(ctl(tmp_path / "none", "bundle", str(tmp_path / name), "--log", str(log)), LOCAL)
        assert str(tmp_path / name) in done.stderr and "regular file" in done.stderr and not done.stdout
    after = {path.name: path.lstat() for path in tmp_path.iterdir()}
    assert {n: (st.st_ino, st.st_mode) for n, st in after.items()} == {
        n: (st.st_ino, st.st_mode) for n, st in before.items()
    }
    check(ctl(tmp_path / "none", "bundle", str(tmp_path / "file.tar.gz"), "--log", str(log)), OK)
    assert in_archive(tmp_path / "file.tar.gz")["agent.log"] == "x\n"


def missing(manifest, file):
    return next(row.get("missing") for row in json.loads(manifest)["files"] if row["file"] == file)


def test_bundle_without_a_configuration(tmp_path):
    (tmp_path / "log").write_text("x\n")
    args = ["bundle", str(tmp_path / "b.tar.gz"), "--log", str(tmp_path / "log"), "--json"]
    done = check(ctl(tmp_path / "none", *args), OK)
    assert missing(done.stdout, "config.json") == "No such file or directory"
    (tmp_path / "bad.json").write_text("{")
    done = check(ctl(None, *args, "--socket", str(tmp_path / "none"), "--config", str(tmp_path / "bad.json")), OK)
    assert "doctor.txt says why" in missing(done.stdout, "config.json")


# What a journalctl does, and what the manifest has to say of it.
JOURNALS = {
    "long": ("i=0; while [ $i -lt 700 ]; do i=$((i + 1)); printf '%s %08192d\\n' $i 0; done; echo end", None),
    "fails": ("echo end; exit 1", "journalctl failed"),
    "is killed": ("echo end; kill -9 $$", "journalctl failed"),
}


@pytest.mark.parametrize("what", JOURNALS)
def test_bundle_of_the_journal(tmp_path, what):
    """The end of it is what counts, and what lacks is said."""
    script, why = JOURNALS[what]
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "journalctl").write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/args\n{script}\n')
    (programs / "journalctl").chmod(0o700)
    env = {"PATH": f"{programs}:{os.environ['PATH']}"}
    done = check(ctl(tmp_path / "none", "bundle", str(tmp_path / "b.tar.gz"), "--json", env=env), OK)
    lines = in_archive(tmp_path / "b.tar.gz")["agent.log"].splitlines()
    assert lines[-1] == "end" and "-n 2000" in (tmp_path / "args").read_text()
    if what == "long":
        first = int(lines[0].split()[0])
        assert 1 < first < 600 and [int(line.split()[0]) for line in lines[:-1]] == list(range(first, 701))
    row = next(row for row in json.loads(done.stdout)["files"] if row["file"] == "agent.log")
    assert row["bytes"] and row.get("incomplete") == why


# --- help, man page, completion ---


def commands_and_options():
    out = check(ctl(None, "--help"), OK).stdout
    commands = re.findall(r"^  ([a-z]+) ", out, re.M)
    assert len(commands) == 14
    options = {"": set(re.findall(r"--[a-z-]+", out)) - {"--help'"}}
    for command in commands:
        text = check(ctl(None, command, "--help"), OK).stdout
        assert text.startswith(f"Usage: lpmctl {command}")
        rows = [line for line in text.splitlines() if re.match(r" +(-\w, )?--", line)]
        options[command] = {re.search(r"--[a-z-]+", line)[0] for line in rows}
    return commands, options


def test_man_page():
    page = ROOT / "ctl" / "lpmctl.1"
    text = page.read_text().replace("\\-", "-")
    commands, options = commands_and_options()
    for command in commands:
        assert re.search(rf"^\.(B|BI|BR) {command}\b", text, re.M), command
    for option in set().union(*options.values()):
        assert re.search(rf"^\.\w+ .*{option}\b", text, re.M), option
    checks = {"groff": ["-man", "-ww", "-z", "-Tutf8"], "mandoc": ["-T", "lint", "-W", "warning"]}
    for program, args in checks.items():
        if shutil.which(program):
            done = subprocess.run([program, *args, str(page)], capture_output=True, text=True)
            assert (done.returncode, done.stdout + done.stderr) == (0, ""), program


def complete(line, env=None):
    """What bash offers at the end of the line."""
    script = f"""
        source {ROOT}/ctl/lpmctl.bash
        COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        COMP_WORDS[0]={binary("lpmctl")}
        _lpmctl; printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, env=environment(**(env or {})), timeout=60 * SLOW
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    return set(done.stdout.split())


def test_completion(quiet, tmp_path):
    commands, options = commands_and_options()
    env = {"LPM_SOCKET": quiet.socket}
    assert complete("lpmctl ''") == set(commands)
    assert complete("lpmctl en") == {"enable"}
    assert complete("lpmctl --json prof") == {"profiles"}
    for command in commands:
        assert complete(f"lpmctl {command} --") == options[command] - {"--version"}, command
    assert complete("lpmctl enable ''", env) == {ALPHA, BETA, GAMMA, "spare"}
    assert complete(f"lpmctl plan {BETA[:6]}", env) == {BETA}
    assert complete(f"lpmctl --socket {quiet.socket} enable sp") == {"spare"}
    assert complete(f"lpmctl --socket = {quiet.socket} enable sp") == {"spare"}
    assert complete("lpmctl operations --state fa") == {"failed"}
    # Of '--state=fa' bash makes three words, of '--state=' two.
    assert complete("lpmctl operations --state = fa") == {"failed"}
    assert "failed" in complete("lpmctl operations --state =")
    assert complete("lpmctl operations --limit =") == set()
    ids = {op["id"] for op in quiet.http("GET", "/v1/operations")[2]["operations"]}
    assert complete("lpmctl operations ''", env) == ids == complete("lpmctl cancel ''", env)
    # Without an agent: nothing, and no noise.
    assert complete("lpmctl enable ''", {"LPM_SOCKET": str(tmp_path / "none")}) == set()
    (tmp_path / "file").write_text("")
    assert complete(f"lpmctl --config {tmp_path}/fi") == {f"{tmp_path}/file"}
    assert complete(f"lpmctl bundle {tmp_path}/fi") == {f"{tmp_path}/file"}
    assert complete(f"lpmctl --config = {tmp_path}/fi") == {f"{tmp_path}/file"}
    assert complete(f"lpmctl bundle --log = {tmp_path}/fi") == {f"{tmp_path}/file"}


def on_tab(folder, line, env=None):
    """What an interactive bash in `folder` has of the line after Tab and Enter: the words of the command."""
    words = folder / ".words"
    setup = f"""
        source {ROOT}/ctl/lpmctl.bash
        lpmctl() {{ if [ -n "$AT_TAB" ]; then {binary("lpmctl")} "$@"; else printf '%s\\0' "$@" end >{words}; fi; }}
        _at_tab() {{ AT_TAB=1; _lpmctl "$@"; AT_TAB=; }}
        complete -F _at_tab lpmctl
        bind 'set enable-bracketed-paste off'
        unset HISTFILE
        PS1=READY
    """
    (folder / ".rc").write_text(setup)
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execve("/bin/bash", ["bash", "--noprofile", "--rcfile", ".rc", "-i"], environment(INPUTRC="/dev/null", **(env or {})))
    out = b""
    with contextlib.suppress(OSError):
        while part := os.read(fd, 65536):
            out += part
            if line and b"READY" in out:
                # The last word shows whether a blank came behind what was completed.
                os.write(fd, line.encode() + b"\tx\nexit\n")
                line = None
    os.close(fd)
    os.waitpid(pid, 0)
    assert words.exists(), out.decode(errors="replace")
    said = words.read_text().split("\0")[:-2]
    words.unlink()
    return said


def test_completion_of_files(quiet, tmp_path):
    """As bash does it everywhere: a folder gets its slash and no blank, a name with blanks its quotes."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "a b.json").write_text("")
    (tmp_path / "it's.json").write_text("")
    table = [
        ("lpmctl eid --config fo", ["eid", "--config", "folder/x"]),
        ("lpmctl eid --config=fo", ["eid", "--config=folder/x"]),
        ("lpmctl eid --config a", ["eid", "--config", "a b.json", "x"]),
        ("lpmctl eid --config=a", ["eid", "--config=a b.json", "x"]),
        ("lpmctl eid -c a\\ ", ["eid", "-c", "a b.json", "x"]),
        ("lpmctl eid -c 'a ", ["eid", "-c", "a b.json", "x"]),
        ("lpmctl eid -c it", ["eid", "-c", "it's.json", "x"]),
        ("lpmctl bundle fo", ["bundle", "folder/x"]),
        ("lpmctl bundle a", ["bundle", "a b.json", "x"]),
        ("lpmctl operations --state=fa", ["operations", "--state=failed", "x"]),
        ("lpmctl operations --state fa", ["operations", "--state", "failed", "x"]),
        ("lpmctl pla", ["plan", "x"]),
    ]
    for line, words in table:
        assert on_tab(tmp_path, line) == words, line
    # A word that is no file's name stays one where a folder is called so.
    (tmp_path / "spare").mkdir()
    assert on_tab(tmp_path, "lpmctl plan sp", {"LPM_SOCKET": quiet.socket}) == ["plan", "spare", "x"]


def test_version():
    assert re.match(r"lpmctl \d+\.\d+\.\d+$", check(ctl(None, "--version"), OK).stdout)
