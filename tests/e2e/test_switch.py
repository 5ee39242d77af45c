"""A switch, and everything that can become of one."""

import time

import pytest

import harness
from harness import ALPHA, BETA, GAMMA, wait_until

QUICK = {
    "switch": {"refresh_s": 2, "register_s": 3, "attach_s": 3, "verify_s": 3},
}


def ready(lab, scenario=None, overrides=None, config=None):
    sim = lab.sim(scenario, overrides)
    agent = lab.agent(sim, config=config or QUICK)
    agent.wait_ready()
    return sim, agent


def test_an_operation_from_door_to_end(lab):
    sim, agent = ready(lab)
    status, headers, op = agent.enable(BETA, wait=None, reason="weekly test")
    assert status == 202 and headers["location"] == f"/v1/operations/{op['id']}"
    assert op["state"] in ("accepted", "running") and op["rev"] >= 1
    assert op["kind"] == "enable-profile" and op["args"]["iccid"] == BETA
    assert op["source"]["channel"] == "rest" and op["reason"] == "weekly test"
    end = agent.wait_operation(op["id"])
    assert end["state"] == "succeeded" and end["phase"] == "committed"
    assert [p["phase"] for p in end["phases"]] == [
        "enabling", "resetting", "registering", "attaching", "verifying",
    ]
    assert all(p["ms"] >= 0 for p in end["phases"])
    result = end["result"]
    assert (result["changed"], result["from"], result["to"], result["now"]) == (
        True, ALPHA, BETA, BETA,
    )
    assert result["verified"] in ("registered", "attached") and result["blackout_ms"] > 0
    assert end["error"] is None
    assert end["created_at"] <= end["started_at"] <= end["ended_at"] <= end["ends_by"]
    # accepted, enabling, resetting, registering, attaching, verifying, the end
    assert end["rev"] == 7
    assert sim.enabled() == BETA
    sim.check()


def test_prefer_wait(lab):
    sim, agent = ready(lab, config=harness.merge(QUICK, {"switch.register_s": 10}))
    status, _, op = agent.enable(BETA)
    assert (status, op["state"]) == (200, "succeeded")
    sim.set("card.profiles.2.network.delay_ms", 2500)
    begun = time.monotonic()
    status, _, op = agent.http(
        "POST", f"/v1/profiles/{GAMMA}/enable", {"Prefer": "respond-async, wait=1"}
    )
    assert status == 202 and op["state"] in ("accepted", "running")
    assert time.monotonic() - begun >= 0.9
    assert agent.wait_operation(op["id"])["state"] == "succeeded"


def test_enabling_what_is_enabled(lab):
    sim, agent = ready(lab)
    since = sim.last_n()
    status, _, op = agent.enable(ALPHA, wait=None)
    assert (status, op["state"]) == (200, "succeeded")
    assert op["result"]["changed"] is False and op["result"]["now"] == ALPHA
    assert not sim.ops(since), "no command to the card"


def test_by_aid(lab):
    sim, agent = ready(lab)
    _, _, op = agent.enable("a0000005591010ffffffff8900001000")
    assert op["state"] == "succeeded" and op["result"]["to"] == BETA


def test_unknown_profile(lab):
    sim, agent = ready(lab)
    status, _, problem = agent.enable("8949001312170061996")
    assert (status, problem["code"]) == (404, "profile-not-found")
    assert "enable" not in sim.ops()


def test_preconditions(lab):
    sim, agent = ready(lab)
    etag = agent.http("GET", "/v1/profiles")[1]["etag"]
    status, _, problem = agent.enable(BETA, wait=None, expect_enabled=GAMMA)
    assert (status, problem["code"]) == (412, "precondition-failed")
    path = f"/v1/profiles/{BETA}/enable"
    status, _, problem = agent.http("POST", path, {"If-Match": '"other"'})
    assert (status, problem["code"]) == (412, "precondition-failed")
    status, _, op = agent.http("POST", path, {"If-Match": etag, "Prefer": "wait=60"})
    assert (status, op["state"]) == (200, "succeeded")
    # The tag is older than the switch, whether the list was read again or not.
    status, _, problem = agent.http("POST", f"/v1/profiles/{GAMMA}/enable", {"If-Match": etag})
    assert (status, problem["code"]) == (412, "precondition-failed")
    assert "enable" in sim.ops() and sim.counters()["enable"] == 1


def test_a_second_switch_while_one_runs(lab):
    sim, agent = ready(lab, overrides={"card.profiles.1.network.delay_ms": 2000})
    _, _, first = agent.enable(BETA, wait=None)
    sim.wait(op="enable", count=1)
    status, _, problem = agent.enable(GAMMA, wait=None)
    assert (status, problem["code"]) == (409, "switch-in-progress")
    assert problem["operation"] == first["id"]
    # Not "already enabled": which one is in use is being decided.
    assert agent.enable(ALPHA, wait=None)[0] == 409
    assert agent.wait_operation(first["id"])["state"] == "succeeded"


def test_idempotency_key(lab):
    sim, agent = ready(lab)
    _, _, op = agent.enable(BETA, key="k1", reason="r")
    assert op["source"]["request"] == "k1"
    status, _, again = agent.enable(BETA, key="k1", reason="r")
    assert status == 200 and again["id"] == op["id"]
    status, _, problem = agent.enable(GAMMA, key="k1", reason="r")
    assert (status, problem["code"], problem["operation"]) == (422, "key-reused", op["id"])
    assert sim.counters()["enable"] == 1


def test_cancel_before_enable_goes_out(lab):
    sim, agent = ready(lab)
    sim.set("modem.apdu_latency_ms", 500)
    since = sim.last_n()
    _, _, op = agent.enable(BETA, wait=None)
    status, _, canceled = agent.http("POST", f"/v1/operations/{op['id']}/cancel")
    assert (status, canceled["state"]) == (200, "canceled")
    wait_until(lambda: not sim.state()["card"]["channels"], what="the channel is closed")
    sim.set("modem.apdu_latency_ms", 0)
    agent.http("GET", "/v1/profiles", {"Cache-Control": "no-cache"})
    assert "enable" not in sim.ops(since)
    assert agent.operation(op["id"])["state"] == "canceled"


def test_cancel_too_late(lab):
    sim, agent = ready(lab, overrides={"card.profiles.1.network.delay_ms": 1500})
    _, _, op = agent.enable(BETA, wait=None)
    sim.wait(op="enable", count=1)
    status, _, problem = agent.http("POST", f"/v1/operations/{op['id']}/cancel")
    assert (status, problem["code"]) == (409, "too-late")
    assert agent.wait_operation(op["id"])["state"] == "succeeded"


def test_expires_while_the_modem_is_away(lab):
    sim, agent = ready(lab)
    sim.vanish()
    wait_until(lambda: agent.http("GET", "/readyz")[0] == 503, what="modem-absent")
    _, _, op = agent.enable(BETA, wait=None, ttl_s=1)
    end = agent.wait_operation(op["id"])
    assert (end["state"], end["error"]["code"]) == ("expired", "expired")
    sim.come_back()
    agent.wait_ready()
    assert "enable" not in sim.ops() and sim.enabled() == ALPHA


def test_policy_forbids(lab):
    sim, agent = ready(lab, "policy.json")
    enabled = sim.enabled()
    rows = agent.http("GET", "/v1/profiles")[2]["profiles"]
    target = next(r["iccid"] for r in rows if not r["enabled"])
    status, _, op = agent.enable(target)
    assert (status, op["state"]) == (200, "failed")
    assert op["error"]["code"] == "policy-forbids" and op["error"]["sw"] == "69E1"
    assert op["result"]["changed"] is False and sim.enabled() == enabled
    sim.check()


@pytest.mark.parametrize("effect", [True, False], ids=["with effect", "without"])
@pytest.mark.parametrize("sw", ["6F00", "6400", "6581", "6985", "6A80"])
def test_an_odd_status_word_after_enable_is_settled_by_the_list(lab, sw, effect):
    sim, agent = ready(lab)
    sim.fault("card", "enable", sw=sw, take_effect=effect)
    _, _, op = agent.enable(BETA)
    assert op["state"] == ("succeeded" if effect else "failed"), op
    assert op["result"]["now"] == sim.enabled() == (BETA if effect else ALPHA)
    if not effect:
        assert op["error"]["sw"] == sw
    assert sim.counters()["enable"] == 1, "ENABLE goes out once"
    sim.check()


# ENABLE is the only command line of that length here.
ENABLE_LINE = "AT+CSIM=42"


@pytest.mark.parametrize("effect", [True, False], ids=["with effect", "without"])
@pytest.mark.parametrize("commit", ["enable", "close"])
def test_a_lost_answer_to_enable(lab, effect, commit):
    sim, agent = ready(
        lab, overrides={"modem.cgla": False, "card.commit": commit}, config={"switch.refresh_s": 3}
    )
    sim.fault("modem", ENABLE_LINE, action="silent", execute=effect)
    _, _, op = agent.enable(BETA, wait=300)
    assert op["result"]["now"] == sim.enabled() == (BETA if effect else ALPHA), op
    assert op["state"] == ("succeeded" if effect else "failed"), op
    assert sim.counters()["enable"] == (1 if effect else 0)


@pytest.mark.parametrize("effect", [True, False], ids=["with effect", "without"])
def test_the_port_vanishes_at_enable(lab, effect):
    sim, agent = ready(lab, overrides={"modem.cgla": False})
    sim.fault("modem", ENABLE_LINE, action="vanish", delay_ms=1500, execute=effect)
    _, _, op = agent.enable(BETA, wait=300)
    assert op["state"] == ("succeeded" if effect else "failed"), op
    assert op["result"]["now"] == sim.enabled() == (BETA if effect else ALPHA)


def test_a_late_answer_to_enable_is_not_the_next_commands(lab):
    sim, agent = ready(lab, overrides={"modem.cgla": False})
    sim.fault("modem", ENABLE_LINE, action="late", delay_ms=33000, execute=True)
    _, _, op = agent.enable(BETA, wait=300)
    assert op["state"] == "succeeded" and sim.enabled() == BETA, op


def test_a_modem_that_ignores_the_refresh_gets_a_radio_cycle(lab):
    sim, agent = ready(lab, "refresh-ignored.json")
    target = next(
        p["iccid"] for p in agent.http("GET", "/v1/profiles")[2]["profiles"] if not p["enabled"]
    )
    since = sim.last_n()
    _, _, op = agent.enable(target)
    assert op["state"] == "succeeded", op
    lines = sim.at_lines(since)
    assert "AT+CFUN=1" in lines and ("AT+CFUN=4" in lines or "AT+CFUN=0" in lines)
    assert sim.state()["modem"]["iccid"] == target


def test_a_modem_that_never_switches(lab):
    sim, agent = ready(
        lab, overrides={"modem.refresh": "ignored", "modem.cfun_refresh": False}
    )
    _, _, op = agent.enable(BETA, wait=300)
    assert (op["state"], op["error"]["code"]) == ("failed", "not-switched"), op
    assert op["phase"] == "rolled-back"
    assert op["result"]["now"] == ALPHA == sim.enabled()


@pytest.mark.parametrize(
    "network, code",
    [
        ({"registration": "searching"}, "not-registered"),
        ({"registration": "idle"}, "not-registered"),
        ({"registration": "emergency"}, "not-registered"),
        ({"attach": False}, "no-data"),
        ({"sim_lock": True}, "sim-locked"),
    ],
    ids=["searching", "idle", "emergency", "no data", "sim lock"],
)
def test_a_profile_that_does_not_serve(lab, network, code):
    overrides = {f"card.profiles.1.network.{k}": v for k, v in network.items()}
    sim, agent = ready(lab, overrides=overrides)
    _, _, op = agent.enable(BETA, wait=300)
    assert (op["state"], op["error"]["code"], op["phase"]) == ("failed", code, "rolled-back"), op
    assert sim.enabled() == ALPHA


def test_roaming_is_registered(lab):
    sim, agent = ready(lab, overrides={"card.profiles.1.network.registration": "roaming"})
    assert agent.enable(BETA)[2]["state"] == "succeeded"
    _, _, now = agent.http("GET", "/v1/connectivity", {"Cache-Control": "no-cache"})
    assert now["registration"] == "roaming"


def test_a_switch_by_somebody_else_is_noticed(lab):
    sim, agent = ready(lab, config={"telemetry.sample_s": 1})
    wait_until(
        lambda: agent.http("GET", "/v1/connectivity")[2].get("iccid") == ALPHA, what="a sample"
    )
    sim.switch(GAMMA)
    wait_until(
        lambda: [
            p["iccid"] for p in agent.http("GET", "/v1/profiles")[2]["profiles"] if p["enabled"]
        ]
        == [GAMMA],
        what="the list shows the switch from outside",
    )


def test_operations_are_listed(lab):
    sim, agent = ready(lab)
    ids = [agent.enable(p)[2]["id"] for p in (BETA, GAMMA, ALPHA)]
    rows = agent.http("GET", "/v1/operations")[2]["operations"]
    assert [r["id"] for r in rows] == ids[::-1]
    rows = agent.http("GET", f"/v1/operations?limit=1&before={ids[2]}")[2]["operations"]
    assert [r["id"] for r in rows] == [ids[1]]
    assert agent.http("GET", "/v1/operations?state=failed")[2]["operations"] == []
    status, _, problem = agent.http("GET", "/v1/operations/01JD0000000000000000000000")
    assert (status, problem["code"]) == (404, "not-found")


def test_overtaken_by_somebody_else(lab):
    sim, agent = ready(
        lab,
        overrides={"card.profiles.1.network.delay_ms": 20000},
        config={"switch": {"refresh_s": 5, "register_s": 30}},
    )
    _, _, op = agent.enable(BETA, wait=None)
    agent.wait_operation(op["id"], lambda o: o["phase"] == "registering")
    sim.switch(GAMMA)
    end = agent.wait_operation(op["id"])
    assert (end["state"], end["error"]["code"]) == ("failed", "overtaken"), end
    assert end["result"]["now"] == GAMMA == sim.enabled()


def test_a_card_that_reads_as_switched_is_no_proof(lab):
    """No ICCID command, and a modem that goes on with the old subscription."""
    sim, agent = ready(
        lab,
        overrides={
            "modem.ccid_command": "none",
            "modem.refresh": "ignored",
            "modem.cfun_refresh": False,
        },
    )
    _, _, op = agent.enable(BETA, wait=300)
    assert (op["state"], op["error"]["code"]) == ("failed", "not-switched"), op


def test_an_operator_chosen_by_hand_is_let_go(lab):
    sim, agent = ready(lab, overrides={"modem.cops_mode": 1})
    since = sim.last_n()
    agent.enable(BETA)
    assert "AT+COPS=0" in sim.at_lines(since)


def test_refresh_on_enable_needs_no_radio_cycle(lab):
    overrides = {"modem.refresh": "enable", "modem.refresh_ms": 1500}
    sim, agent = ready(lab, overrides=overrides, config=harness.merge(QUICK, {"switch.refresh_s": 10}))
    since = sim.last_n()
    assert agent.enable(BETA)[2]["state"] == "succeeded"
    assert not any(line.startswith("AT+CFUN=") for line in sim.at_lines(since))


def test_a_sim_that_is_busy_when_enable_comes(lab):
    sim, agent = ready(lab, overrides={"modem.cgla": False})
    sim.fault("modem", ENABLE_LINE, action="cme", code=14, count=2)
    _, _, op = agent.enable(BETA)
    assert op["state"] == "succeeded", op
    assert op["result"]["now"] == BETA == sim.enabled()
    assert sim.counters()["enable"] == 1, "two never reached the card"
