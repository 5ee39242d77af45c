"""The status page in a real browser: tests/page/page.test.mjs does what a person does, and asks here
for what others do meanwhile. Skipped where scripts/setup found no Chromium, node or npm.
Pictures are left in the build's folder, under page-screenshots."""

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

import harness
from harness import ALPHA, BETA, GAMMA, SLOW, free_port
from truth import Clock

HERE = Path(__file__).resolve().parent.parent / "page"
CHROMIUM = "/usr/bin/chromium"
PICTURES = Path(harness.binary("lpm-agent")).parent.parent / "page-screenshots"

MISSING = (
    "node is not on the PATH" if not shutil.which("node")
    else "Debian's chromium is not installed" if not os.path.exists(CHROMIUM)
    else "playwright-core is not installed (scripts/setup --test)"
    if not (HERE / "node_modules" / "playwright-core").exists()
    else None
)
pytestmark = pytest.mark.skipif(MISSING is not None, reason=f"the page is not tried: {MISSING}")

LABELS = {
    ALPHA: {"label": "Alpha Mobile"},
    BETA: {"label": "Beta Net"},
    GAMMA: {"label": "Gamma Wireless"},
}
# A phase takes long enough to be seen; the third profile's network refuses it.
NETWORK = {
    "modem.refresh_ms": 1500,
    "card.profiles.1.network.delay_ms": 3000,
    "card.profiles.2.network.registration": "denied",
    "card.profiles.2.network.reject_cause": 11,
}
HOSTILE = {
    "card.profiles.0.name": "<img src=x onerror=alert(1)>",
    "card.profiles.1.name": "</p><svg onload=alert(1)>",
    "card.profiles.1.provider": "W" * 60,
    "card.profiles.2.nickname": "\u2028\u202e&lt;b&gt;" + "x" * 30,
}
# case: (scenario, what is different there, whether profiles have labels)
CASES = {
    "token": ("guide.json", {}, True),
    "look": ("guide.json", {}, True),
    "live": ("guide.json", NETWORK, True),
    "since": ("guide.json", {}, True),
    "hand": ("guide.json", {}, True),
    "failed": ("guide.json", NETWORK, True),
    "locked": ("guide.json", {}, True),
    "consent": ("guide.json", {}, True),
    "cooldown": ("guide.json", {}, True),
    "longer": ("guide.json", {}, True),
    "refused": ("guide.json", {}, True),
    "bytes": ("guide.json", {}, True),
    "unlocked": ("guide.json", {}, True),
    "forgotten": ("guide.json", {}, True),
    "clock": ("guide.json", {}, True),
    "lost": ("guide.json", {}, True),
    "changed": ("guide.json", {}, True),
    "word": ("guide.json", {}, True),
    "modem": ("guide.json", {}, True),
    "agent": ("guide.json", {}, True),
    "line": ("guide.json", NETWORK, True),
    "viewer": ("guide.json", {}, True),
    "hostile": ("es10c-only.json", HOSTILE, False),
    "older": ("guide.json", {}, True),
}


class Relay:
    """A port in front of another that can be cut, mended and stalled: a line that goes bad."""

    def __init__(self, target):
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.flows = threading.Event()
        self.flows.set()
        self.is_cut = False
        self.ends = set()
        self.lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if self.is_cut:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self.target))
            with self.lock:
                self.ends |= {near, far}
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(a, b), daemon=True).start()

    def _pump(self, a, b):
        try:
            while data := a.recv(65536):
                self.flows.wait()
                b.sendall(data)
        except OSError:
            pass
        for end in (a, b):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        self.is_cut = True
        with self.lock:
            for end in self.ends:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
            self.ends.clear()

    def close(self):
        self.listener.close()
        self.flows.set()
        self.cut()


class Elsewhere:
    """What the case in the browser asks for."""

    def __init__(self, sim, agent, port, clock):
        self.sim, self.agent, self.port, self.clock = sim, agent, port, clock
        self.relay = None

    def answer(self, request):
        return getattr(self, "do_" + request.pop("do"))(**request)

    def do_http(self, method, path, body):
        status, headers, answer = self.agent.http(method, path, body=body)
        return {"status": status, "headers": headers, "body": answer}

    def do_sim(self, call, args):
        getattr(self.sim, call)(*args)

    def do_enabled(self):
        return self.sim.enabled()

    def do_enables(self):
        return self.sim.counters()["enable"]

    def do_kill(self):
        self.agent.kill()

    def do_start(self):
        self.agent.start()

    def do_clock(self, seconds):
        self.clock.set_wall(seconds)

    def do_relay(self):
        self.relay = Relay(self.port)
        return self.relay.port

    def do_cut(self):
        self.relay.cut()

    def do_mend(self):
        self.relay.is_cut = False

    def do_stall(self):
        self.relay.flows.clear()

    def close(self):
        if self.relay:
            self.relay.close()


def run(case, url, elsewhere, folder):
    """The case's status, and what it said."""
    errors = folder / "page.stderr"
    with open(errors, "wb") as err:
        process = subprocess.Popen(
            ["node", "page.test.mjs", case, url, str(PICTURES)],
            cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err, text=True,
        )
    limit = threading.Timer(240 * SLOW, process.kill)
    limit.start()
    try:
        for line in process.stdout:
            answer = elsewhere.answer(json.loads(line))
            process.stdin.write(json.dumps(answer) + "\n")
            process.stdin.flush()
        status = process.wait()
    finally:
        limit.cancel()
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
    return status, errors.read_text(errors="replace")


@pytest.mark.parametrize("case", CASES)
def test_page(lab, case):
    scenario, different, labels = CASES[case]
    sim = lab.sim(scenario, different)
    port = free_port()
    clock = Clock(lab)
    if case == "clock":
        clock.set_wall(-time.time())
    tokens = lab.folder / "tokens"
    tokens.write_text("operator op-token\nviewer view-token\n")
    os.chmod(tokens, 0o600)
    with socket.create_server(("127.0.0.1", 0), backlog=16) as reached:
        agent = lab.agent(
            sim,
            config={
                "device_id": "pump-17",
                "api.listen": f"127.0.0.1:{port}",
                "api.token_file": str(tokens),
                "probe.targets": [f"127.0.0.1:{reached.getsockname()[1]}"],
                "probe.interval_s": 10,
                "telemetry.sample_s": 10,
                "switch.register_s": 15,
                "switch.min_interval_s": 600 if case == "consent" else 0,
                "profiles": LABELS if labels else {},
            },
            env=clock.env if case == "clock" else None,
        )
        agent.wait_ready()
        elsewhere = Elsewhere(sim, agent, port, clock)
        try:
            status, said = run(case, f"http://127.0.0.1:{port}/", elsewhere, lab.folder)
        finally:
            elsewhere.close()
    assert status == 0, said


def test_all_cases_are_here():
    listed = subprocess.run(
        ["node", "page.test.mjs", "--list"], cwd=HERE, capture_output=True, text=True, check=True
    )
    assert listed.stdout.split() == list(CASES)


def test_the_page_is_small():
    page = HERE.parent.parent / "api" / "page"
    assert sum(path.stat().st_size for path in page.iterdir()) < 64 * 1024
