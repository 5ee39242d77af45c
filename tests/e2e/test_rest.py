"""REST's refusals: each kind of bad input gets the status and code of the contract, and nothing is
sent to the card."""

import os
import socket
import stat
import subprocess
import time
from datetime import datetime
from pathlib import Path

import pytest

import harness
import raw_http
from harness import ALPHA, BETA, free_port, http, wait_until
from truth import Clock, needs_preload

ENABLE = f"/v1/profiles/{BETA}/enable"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def running():
    with harness.Lab() as lab:
        sim = lab.sim()
        port = free_port()
        tokens = lab.folder / "tokens"
        tokens.write_text("operator op-token\nviewer view-token\n")
        os.chmod(tokens, 0o600)
        view = str(lab.folder / "view.sock")
        agent = lab.agent(
            sim,
            config={
                "api.view_socket": view,
                "api.listen": f"127.0.0.1:{port}",
                "api.token_file": str(tokens),
                "api.hosts": ["gateway.local"],
                # Nothing but the tests asks the modem.
                "telemetry.sample_s": 3600,
            },
        )
        agent.wait_ready()
        agent.http("GET", "/v1/connectivity", {"Cache-Control": "no-cache"})
        yield sim, agent, view, port


# what, method, path, headers, body, status, code, field
BAD = [
    ("no such path", "GET", "/v1/nothing", {}, None, 404, "not-found", None),
    ("no such version", "GET", "/v2/eid", {}, None, 404, "not-found", None),
    ("trailing slash", "GET", "/v1/eid/", {}, None, 404, "not-found", None),
    ("POST to a read", "POST", "/v1/eid", {}, None, 405, "method-not-allowed", None),
    ("GET an enable", "GET", ENABLE, {}, None, 405, "method-not-allowed", None),
    ("DELETE", "DELETE", "/v1/profiles", {}, None, 405, "method-not-allowed", None),
    ("not acceptable", "GET", "/v1/eid", {"Accept": "text/html"}, None, 406, "not-acceptable", None),
    ("unknown query", "GET", "/v1/eid?x=1", {}, None, 400, "invalid-request", "x"),
    ("ref is no ICCID", "GET", "/v1/profiles/8912", {}, None, 400, "invalid-request", "ref"),
    ("ref with a letter", "POST", "/v1/profiles/8912310800175701007X/enable", {}, None, 400, "invalid-request", "ref"),
    ("ref of 31 hex digits", "GET", "/v1/profiles/A0000005591010FFFFFFFF890000100", {}, None, 400, "invalid-request", "ref"),
    ("NUL in the path", "GET", "/v1/profiles/8949%001312170061988", {}, None, 400, "invalid-request", None),
    ("bad percent", "GET", "/v1/profiles/%zz", {}, None, 400, "invalid-request", None),
    ("limit 0", "GET", "/v1/operations?limit=0", {}, None, 400, "invalid-request", "limit"),
    ("limit text", "GET", "/v1/operations?limit=ten", {}, None, 400, "invalid-request", "limit"),
    ("state unknown", "GET", "/v1/operations?state=done", {}, None, 400, "invalid-request", "state"),
    ("before is no id", "GET", "/v1/operations?before=x", {}, None, 400, "invalid-request", "before"),
    ("no JSON", "POST", ENABLE, JSON, "hello", 400, "invalid-request", None),
    ("an array", "POST", ENABLE, JSON, "[]", 400, "invalid-request", None),
    ("a number", "POST", ENABLE, JSON, "1", 400, "invalid-request", None),
    ("two values", "POST", ENABLE, JSON, "{} {}", 400, "invalid-request", None),
    ("a cut body", "POST", ENABLE, JSON, '{"reason":"x"', 400, "invalid-request", None),
    ("duplicate field", "POST", ENABLE, JSON, '{"ttl_s":5,"ttl_s":6}', 400, "invalid-request", None),
    ("NaN", "POST", ENABLE, JSON, '{"ttl_s":NaN}', 400, "invalid-request", None),
    ("leading zero", "POST", ENABLE, JSON, '{"ttl_s":01}', 400, "invalid-request", None),
    ("NUL in a string", "POST", ENABLE, JSON, '{"reason":"a\\u0000b"}', 400, "invalid-request", None),
    ("bad UTF-8", "POST", ENABLE, JSON, b'{"reason":"\xff"}', 400, "invalid-request", None),
    ("too deep", "POST", ENABLE, JSON, "[" * 50 + "]" * 50, 400, "invalid-request", None),
    ("unknown field", "POST", ENABLE, JSON, '{"ttl":5}', 400, "invalid-request", "ttl"),
    ("ttl_s text", "POST", ENABLE, JSON, '{"ttl_s":"5"}', 400, "invalid-request", "ttl_s"),
    ("ttl_s 0", "POST", ENABLE, JSON, '{"ttl_s":0}', 400, "invalid-request", "ttl_s"),
    ("ttl_s fraction", "POST", ENABLE, JSON, '{"ttl_s":1.5}', 400, "invalid-request", "ttl_s"),
    ("ttl_s huge", "POST", ENABLE, JSON, '{"ttl_s":1e300}', 400, "invalid-request", "ttl_s"),
    ("force text", "POST", ENABLE, JSON, '{"force":"yes"}', 400, "invalid-request", "force"),
    ("reason number", "POST", ENABLE, JSON, '{"reason":1}', 400, "invalid-request", "reason"),
    ("expect_enabled wrong", "POST", ENABLE, JSON, '{"expect_enabled":"12"}', 400, "invalid-request", "expect_enabled"),
    ("confirm_s small", "POST", ENABLE, JSON, '{"confirm_s":5}', 400, "invalid-request", "confirm_s"),
    ("media type", "POST", ENABLE, {"Content-Type": "text/plain"}, "{}", 415, "unsupported-media-type", None),
    ("form", "POST", ENABLE, {"Content-Type": "application/x-www-form-urlencoded"}, "a=b", 415, "unsupported-media-type", None),
    ("too large", "POST", ENABLE, JSON, '{"reason":"' + "x" * 20000 + '"}', 413, "payload-too-large", None),
    ("key too long", "POST", ENABLE, {"Idempotency-Key": "k" * 65}, None, 400, "invalid-request", None),
    ("key with a blank", "POST", ENABLE, {"Idempotency-Key": "a b"}, None, 400, "invalid-request", None),
    ("precondition", "POST", ENABLE, {"If-Match": '"0"'}, None, 412, "precondition-failed", None),
    ("cancel nothing", "POST", "/v1/operations/01JD0000000000000000000000/cancel", {}, None, 404, "not-found", None),
    ("unknown profile", "GET", "/v1/profiles/8900000000000000000", {}, None, 404, "profile-not-found", None),
]


@pytest.mark.parametrize("row", BAD, ids=[row[0] for row in BAD])
def test_bad_input(running, row):
    sim, agent, _, _ = running
    _, method, path, headers, body, status, code, field = row
    since = sim.last_n()
    if isinstance(body, str):
        body = body.encode()
    got, answer_headers, problem = agent.http(method, path, headers, body)
    assert (got, problem["code"]) == (status, code), problem
    assert answer_headers["content-type"].startswith("application/problem+json")
    assert problem["type"] == f"https://lpm-agent.invalid/problems/{code}"
    assert problem["status"] == status and problem["title"] and problem["detail"]
    if field:
        assert problem["field"] == field
    if status == 405:
        assert answer_headers["allow"]
    assert not sim.ops(since), "nothing goes to the card"
    assert sim.enabled() == ALPHA


def test_the_contract_is_served_to_the_byte(running):
    _, agent, view, _ = running
    file = Path(__file__).resolve().parents[2] / "api" / "openapi.json"
    asked = b"GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert raw_http.exchange(agent.socket, asked)[0].body == file.read_bytes()
    status, headers, document = http(view, "GET", "/v1/openapi.json")
    assert status == 200 and document["openapi"] == "3.1.0"
    known = {"If-None-Match": headers["etag"]}
    assert http(view, "GET", "/v1/openapi.json", known)[0] == 304


def test_head_has_no_body(running):
    _, agent, _, _ = running
    status, headers, body = agent.http("HEAD", "/v1/profiles")
    assert status == 200 and headers["etag"] and not body


def test_viewers_may_look_and_nothing_else(running):
    sim, agent, view, _ = running
    since = sim.last_n()
    assert http(view, "GET", "/v1/profiles")[0] == 200
    status, _, problem = http(view, "POST", ENABLE)
    assert (status, problem["code"]) == (403, "forbidden")
    assert not sim.ops(since)


def bearer(token, **more):
    return {"Authorization": f"Bearer {token}", **more}


def test_the_tcp_door(running):
    sim, agent, _, port = running
    since = sim.last_n()
    rows = [
        ("no token", "GET", "/v1/eid", {}, 401),
        ("wrong token", "GET", "/v1/eid", bearer("nope"), 401),
        ("basic", "GET", "/v1/eid", {"Authorization": "Basic eDp5"}, 401),
        ("viewer reads", "GET", "/v1/eid", bearer("view-token"), 200),
        ("viewer switches", "POST", ENABLE, bearer("view-token"), 403),
        ("health needs none", "GET", "/healthz", {}, 200),
        ("readiness needs none", "GET", "/readyz", {}, 200),
        ("localhost", "GET", "/healthz", {"Host": f"localhost:{port}"}, 200),
        ("configured host", "GET", "/healthz", {"Host": "gateway.local"}, 200),
        ("foreign host", "GET", "/v1/eid", bearer("op-token", Host="evil.example"), 403),
        ("foreign origin", "GET", "/v1/eid", bearer("op-token", Origin="http://evil.example"), 403),
        ("own origin", "GET", "/v1/eid", bearer("op-token", Origin=f"http://127.0.0.1:{port}"), 200),
        ("null origin", "POST", ENABLE, bearer("op-token", Origin="null"), 403),
    ]
    for what, method, path, headers, status in rows:
        got, answer, _ = http(port, method, path, headers)
        assert got == status, what
        if status == 401:
            assert answer["www-authenticate"].startswith("Bearer"), what
    assert not sim.ops(since)


def test_tokens_never_reach_the_log(running):
    _, agent, _, port = running
    http(port, "GET", "/v1/eid", bearer("op-token"))
    assert "op-token" not in agent.stderr() and "view-token" not in agent.stderr()


def test_identities_are_cut_in_the_log(running):
    _, agent, _, _ = running
    agent.http("GET", "/v1/profiles", {"Cache-Control": "no-cache"})
    text = agent.stderr()
    assert ALPHA not in text and "89001039450410141400000000001580" not in text


def test_sockets_have_their_mode(running):
    _, agent, view, _ = running
    assert stat.S_IMODE(os.stat(agent.socket).st_mode) == 0o660
    assert stat.S_IMODE(os.stat(view).st_mode) == 0o660


def test_a_stale_socket_is_replaced_and_a_live_one_is_not(lab):
    sim = lab.sim()
    agent = lab.agent(sim)
    agent.wait_ready()
    agent.kill()
    assert os.path.exists(agent.socket)
    agent.start()
    agent.wait_ready()
    second = subprocess.run(
        [harness.binary("lpm-agent"), "--config", str(agent.config_path)],
        capture_output=True,
        timeout=60 * harness.SLOW,
    )
    assert second.returncode == 1 and b"api.sock" in second.stderr
    assert agent.http("GET", "/healthz")[0] == 200


@pytest.mark.parametrize("size", [16 * 1024 + 1, 20000, 300000])
def test_a_large_body_is_refused_after_it_is_sent(running, size):
    """A client that sends all before it looks gets its answer, and no broken pipe."""
    _, agent, _, _ = running
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(30 * harness.SLOW)
        s.connect(agent.socket)
        s.sendall(
            f"POST {ENABLE} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            f"Content-Length: {size}\r\n\r\n".encode()
        )
        s.sendall(b"x" * size)
        assert s.recv(4096).startswith(b"HTTP/1.1 413")


def test_info(lab, tmp_path):
    """What a supporter asks first."""
    view = str(tmp_path / "view.sock")
    sim, broker = lab.sim(), lab.broker()
    agent = lab.agent(sim, broker, {"api": {"view_socket": view}})
    agent.wait_ready()
    assert agent.http("GET", "/v1/profiles")[0] == 200
    info = wait_until(lambda: next(
        (i for i in [agent.http("GET", "/v1/info")[2]] if i["broker"]["online"]), None))
    assert info["agent"]["device_id"] == harness.DEVICE and info["agent"]["clock_set"] is True
    assert info["agent"]["uptime_s"] >= 0 and info["agent"]["started_at"].endswith("Z")
    assert info["modem"]["state"] == "ready" and "trouble" not in info["modem"]
    assert info["card"]["profiles"] == 3
    assert info["broker"]["configured"] is True and info["broker"]["since"] >= info["agent"]["started_at"]
    assert info["storage"] == {"ok": True} and info["stranded"] is False
    assert info["role"] == "operator" and "events" in info["can"]
    assert harness.http(view, "GET", "/v1/info")[2]["role"] == "viewer"
    broker.stop()
    gone = wait_until(lambda: next(
        (i["broker"] for i in [agent.http("GET", "/v1/info")[2]] if "trouble" in i["broker"]), None))
    assert gone["online"] is False and "since" not in gone
    assert gone["trouble"]["code"] == "unreachable" and gone["trouble"]["detail"]


@needs_preload
def test_a_moment_by_a_clock_that_was_not_set_is_not_told(lab):
    """1970, or a boot of later, would be taken for the truth."""
    clock = Clock(lab)
    clock.set_wall(-time.time() + 40)
    agent = lab.agent(lab.sim(None, {"modem.refresh": "enable"}), env=clock.env)
    agent.wait_ready()
    assert agent.enable(BETA)[2]["state"] == "succeeded"
    assert agent.http("GET", "/v1/profiles")[0] == agent.http("GET", "/v1/connectivity")[0] == 200
    info = agent.http("GET", "/v1/info")[2]
    assert info["agent"]["clock_set"] is False and "enabled_since" not in info["card"]
    row = next(r for r in agent.http("GET", "/v1/profiles")[2]["profiles"] if r["iccid"] == BETA)
    plan = agent.http("GET", f"/v1/profiles/{BETA}/plan")[2]
    assert "proven_at" not in row and "proven_at" not in plan["history"] and plan["history"]["count"] == 1
    text = agent.http("GET", "/metrics")[2]
    assert "process_start_time" not in text
    assert "enabled_since_timestamp" not in text and "connectivity_read_timestamp" not in text
    agent.http("PUT", "/v1/locks/switch", body={"holder": "ann", "ttl_s": 3600})
    # The clock comes, and then the agent once more.
    clock.set_wall(0)
    until = datetime.fromisoformat(agent.http("GET", "/v1/locks/switch")[2]["until"])
    assert abs(until.timestamp() - time.time() - 3600) < 60
    agent.stop()
    agent.start()
    agent.wait_ready()
    assert agent.http("GET", "/v1/profiles")[0] == 200
    info = agent.http("GET", "/v1/info")[2]
    assert info["agent"]["clock_set"] is True and "enabled_since" not in info["card"]
    row = next(r for r in agent.http("GET", "/v1/profiles")[2]["profiles"] if r["iccid"] == BETA)
    assert "proven_at" not in row
    assert "process_start_time" in agent.http("GET", "/metrics")[2]
