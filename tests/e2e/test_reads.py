"""EID and list over REST: what they cost on the card, who shares them, what the headers say."""

import json
from concurrent.futures import ThreadPoolExecutor

import raw_http
from harness import ALPHA, BETA, GAMMA, free_port, wait_until

EID = "89001039450410141400000000001580"
CARD_OPS = ("open", "select", "eid", "list", "close", "get-response", "enable")


def ready(lab, scenario=None, overrides=None, config=None):
    sim = lab.sim(scenario, overrides)
    agent = lab.agent(sim, config=config)
    agent.wait_ready()
    return sim, agent


def card_commands(sim, since=0):
    return [op for op in sim.ops(since) if op in CARD_OPS]


def test_eid_and_list_of_the_guides_card(lab):
    sim, agent = ready(lab)
    status, headers, eid = agent.http("GET", "/v1/eid")
    assert (status, eid) == (200, {"eid": EID, "valid": True, "profile_code": "041"})
    assert int(headers["age"]) >= 0
    assert headers["content-type"].startswith("application/json")
    status, headers, answer = agent.http("GET", "/v1/profiles")
    assert status == 200
    rows = answer["profiles"]
    assert [r["iccid"] for r in rows] == [ALPHA, BETA, GAMMA]
    assert [r["enabled"] for r in rows] == [True, False, False]
    assert [r["fallback"] for r in rows] == [True, False, False]
    assert rows[0]["aid"] == "A0000005591010FFFFFFFF8900001100"
    assert rows[0]["warnings"], "the Luhn digit of the guide's first profile is wrong"
    assert "name" not in rows[0], "what is not known is absent"
    sim.check()


def test_cold_reads_cost_at_most_six_commands_and_nothing_is_asked_twice(lab):
    sim, agent = ready(lab)
    agent.http("GET", "/v1/eid")
    agent.http("GET", "/v1/profiles")
    asked = card_commands(sim)
    assert len(asked) <= 6, asked
    assert asked.count("eid") == 1 and asked.count("list") == 1
    for _ in range(5):
        agent.http("GET", "/v1/eid")
        agent.http("GET", "/v1/profiles")
    assert card_commands(sim) == asked


def test_who_sends_nothing_more_may_still_read(lab, tmp_path):
    """shutdown(SHUT_WR), as of nc -N: a read's answer is waited for, and of a switch what it is now is told."""
    port, token = free_port(), tmp_path / "tokens"
    token.write_text(f"operator {'t' * 32}\n")
    token.chmod(0o600)
    config = {"api.listen": f"127.0.0.1:{port}", "api.token_file": str(token)}
    _, agent = ready(lab, None, {"modem.apdu_latency_ms": 150}, config)

    def ask(door, line, *more):
        head = [line + " HTTP/1.1", "Host: localhost", f"Authorization: Bearer {'t' * 32}", *more, "", ""]
        return raw_http.exchange(door, ["\r\n".join(head).encode(), raw_http.SHUT])[0]

    for door in (agent.socket, port):
        answer = ask(door, "GET /v1/profiles", "Cache-Control: no-cache")
        assert answer.status == 200, answer
        assert agent.http("GET", "/v1/profiles")[1]["etag"] == answer.headers["etag"]
    answer = ask(port, f"POST /v1/profiles/{BETA}/enable", "Prefer: wait=60", "Content-Length: 0")
    assert answer.status == 202 and "preference-applied" not in answer.headers, answer
    agent.wait_operation(json.loads(answer.body)["id"])


def test_no_cache_reads_the_card(lab):
    sim, agent = ready(lab)
    since = sim.last_n()
    status, headers, _ = agent.http("GET", "/v1/profiles", {"Cache-Control": "no-cache"})
    assert status == 200
    asked = card_commands(sim, since)
    assert asked.count("list") == 1 and len(asked) == 4, asked


def test_one_profile_by_iccid_and_by_aid(lab):
    sim, agent = ready(lab, config={f"profiles": {BETA: {"label": "Beta"}}})
    status, _, by_iccid = agent.http("GET", f"/v1/profiles/{BETA}")
    assert status == 200 and by_iccid["label"] == "Beta"
    for aid in ("A0000005591010FFFFFFFF8900001000", "a0000005591010ffffffff8900001000"):
        assert agent.http("GET", f"/v1/profiles/{aid}")[::2] == (200, by_iccid)
    status, _, problem = agent.http("GET", "/v1/profiles/8900000000000000000")
    assert (status, problem["code"]) == (404, "profile-not-found")


def test_the_lists_etag(lab):
    sim, agent = ready(lab)
    _, headers, _ = agent.http("GET", "/v1/profiles")
    etag = headers["etag"]
    assert etag.startswith('"')
    assert agent.http("GET", "/v1/profiles", {"If-None-Match": etag})[0] == 304
    assert agent.http("GET", "/v1/profiles", {"If-None-Match": f'"x", W/{etag}'})[0] == 304
    assert agent.http("GET", "/v1/profiles", {"If-None-Match": '"x"'})[0] == 200
    assert agent.http("GET", "/v1/profiles", {"Cache-Control": "no-cache"})[1]["etag"] == etag


def test_24_readers_share_one_read(lab):
    sim, agent = ready(lab, overrides={"modem.apdu_latency_ms": 150})
    since = sim.last_n()
    with ThreadPoolExecutor(24) as pool:
        answers = list(
            pool.map(
                lambda _: agent.http("GET", "/v1/profiles", {"Cache-Control": "no-cache"}),
                range(24),
            )
        )
    assert {status for status, _, _ in answers} == {200}
    # Those who came while the first read ran share it; a latecomer may begin one more.
    assert card_commands(sim, since).count("list") <= 2
    sim.check()


def test_24_readers_and_a_switch(lab):
    sim, agent = ready(lab, overrides={"modem.apdu_latency_ms": 30})
    since = sim.last_n()
    with ThreadPoolExecutor(25) as pool:
        switch = pool.submit(agent.enable, BETA)
        readers = [pool.submit(lambda: agent.http("GET", "/v1/profiles")) for _ in range(24)]
        assert {r.result()[0] for r in readers} == {200}
        status, _, op = switch.result()
    assert (status, op["state"]) == (200, "succeeded"), op
    rows = agent.http("GET", "/v1/profiles")[2]["profiles"]
    assert [r["iccid"] for r in rows if r["enabled"]] == [BETA]
    asked = card_commands(sim, since)
    assert asked.count("list") == 2, "once in the switch's job, once for the change"
    sim.check()


def test_a_switch_costs_at_most_eight_commands_and_the_list_after_it_four(lab):
    sim, agent = ready(lab)
    since = sim.last_n()
    _, _, op = agent.enable(BETA)
    assert op["state"] == "succeeded", op
    agent.http("GET", "/v1/profiles")
    asked = card_commands(sim, since)
    first_close = asked.index("close") + 1
    assert first_close <= 8, asked
    assert asked[first_close:] == ["open", "select", "list", "close"], asked


def test_connectivity(lab):
    sim, agent = ready(lab)
    wait_until(
        lambda: agent.http("GET", "/v1/connectivity", {"Cache-Control": "no-cache"})[2].get(
            "registration"
        )
        == "home",
        what="registered at home",
    )
    status, _, now = agent.http("GET", "/v1/connectivity", {"Cache-Control": "no-cache"})
    assert status == 200
    assert now["operator"] == "26201" and now["technology"] == "LTE"
    assert now["iccid"] == ALPHA
    assert now["signal"]["rsrp_dbm"] == -95 and now["signal"]["rsrq_db"] == -10
    assert now["data"] == {"attached": True, "addresses": ["10.11.12.13"]}
    imsi = sim.control("state")["modem"].get("imsi")
    assert not imsi or imsi not in str(now)


def test_info_and_health(lab):
    sim, agent = ready(lab)
    assert agent.http("GET", "/healthz")[0] == 200
    assert agent.http("GET", "/readyz")[0] == 200
    status, _, info = agent.http("GET", "/v1/info")
    assert status == 200
    assert "LPM-SIM" in str(info) and "csim" in str(info) and "lpm" in str(info)


def test_an_empty_card_and_an_unknown_eid_check(lab):
    sim, agent = ready(
        lab, {"card": {"eid": "89001039450410141400000000001581", "profiles": []}}
    )
    assert agent.http("GET", "/v1/eid")[2]["valid"] is False
    assert agent.http("GET", "/v1/profiles")[2] == {"profiles": []}
