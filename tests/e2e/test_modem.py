"""A modem that is not there, goes, comes back, is slow, deaf or talks too much."""

import os
import threading
import time

import pytest

from harness import ALPHA, BETA, SLOW, wait_until


def ready(lab, scenario=None, overrides=None, config=None):
    sim = lab.sim(scenario, overrides)
    agent = lab.agent(sim, config=config)
    agent.wait_ready()
    return sim, agent


def says_absent(agent):
    status, headers, problem = agent.http("GET", "/readyz")
    return status == 503 and problem["code"] == "modem-absent"


def test_absent_at_start_then_found(lab):
    sim = lab.sim()
    sim.vanish()
    agent = lab.agent(sim)
    wait_until(lambda: says_absent(agent), what="readyz says modem-absent")
    for path in ("/v1/eid", "/v1/profiles", "/v1/connectivity"):
        status, headers, problem = agent.http("GET", path)
        assert (status, problem["code"]) == (503, "modem-absent"), path
        assert int(headers["retry-after"]) > 0
    assert agent.http("GET", "/healthz")[0] == 200
    sim.come_back()
    agent.wait_ready()
    assert agent.http("GET", "/v1/eid")[0] == 200


def test_vanishes_and_returns_under_another_name(lab):
    sim, agent = ready(lab)
    before = os.path.realpath(sim.link)
    sim.vanish()
    wait_until(lambda: says_absent(agent), 5, "the hang-up is seen")
    assert agent.http("GET", "/v1/eid")[0] == 200, "the EID never changes"
    assert agent.http("GET", "/v1/profiles", {"Cache-Control": "no-cache"})[0] == 503
    sim.come_back()
    agent.wait_ready()
    assert os.path.realpath(sim.link) != before
    assert agent.enable(BETA)[2]["state"] == "succeeded"
    sim.check()


def test_another_card_without_an_applet(lab):
    """The EID of the card that was there before is not told as the new one's."""
    sim, agent = ready(lab)
    assert agent.http("GET", "/v1/eid")[0] == 200
    sim.vanish()
    sim.set("card.lpm", False)
    sim.come_back()
    wait_until(lambda: agent.http("GET", "/readyz")[2].get("code") == "applet-absent")
    status, _, problem = agent.http("GET", "/v1/eid")
    assert (status, problem["code"]) == (502, "applet-absent")
    assert "eid" not in agent.http("GET", "/v1/info")[2]["card"]
    # It comes back.
    sim.vanish()
    sim.set("card.lpm", True)
    sim.come_back()
    agent.wait_ready()
    assert agent.http("GET", "/v1/eid")[0] == 200


def test_vanishes_in_the_middle_of_a_read(lab):
    sim, agent = ready(lab)
    sim.fault("modem", "AT+CSIM", action="vanish", delay_ms=1000)
    status, _, problem = agent.http("GET", "/v1/profiles", {"Cache-Control": "no-cache"})
    assert (status, problem["code"]) == (503, "modem-absent")
    agent.wait_ready()
    assert agent.http("GET", "/v1/profiles", {"Cache-Control": "no-cache"})[0] == 200


def test_another_card_after_the_port_was_away(lab):
    sim, agent = ready(lab)
    first = agent.http("GET", "/v1/eid")[2]["eid"]
    sim.vanish()
    wait_until(lambda: says_absent(agent), what="the hang-up is seen")
    sim.set("card.eid", "89049032123451234512345678901235")
    sim.come_back()
    agent.wait_ready()
    wait_until(
        lambda: agent.http("GET", "/v1/eid")[2]["eid"] != first, what="the new card's EID"
    )


def test_reboots_and_forgets_its_settings(lab):
    sim, agent = ready(lab, overrides={"modem.reboot_ms": 0, "modem.echo_after_reset": True})
    sim.reboot()
    wait_until(
        lambda: agent.http("GET", "/v1/profiles", {"Cache-Control": "no-cache"})[0] == 200,
        what="the list after a reboot",
    )
    assert agent.enable(BETA)[2]["state"] == "succeeded"


def test_a_silent_command_times_out_and_the_next_is_answered(lab):
    sim, agent = ready(lab)
    sim.fault("modem", "AT+CSIM", action="silent")
    status, _, problem = agent.http("GET", "/v1/profiles", {"Cache-Control": "no-cache"})
    assert (status, problem["code"]) in ((504, "modem-timeout"), (200, None)), problem
    status, _, answer = agent.http("GET", "/v1/profiles", {"Cache-Control": "no-cache"})
    assert status == 200 and len(answer["profiles"]) == 3
    wait_until(lambda: not sim.state()["card"]["channels"], what="the channel is closed")


def test_a_late_answer_is_never_the_next_commands(lab):
    """The list's answer comes after its time-out; what follows must not be taken for another's."""
    sim, agent = ready(lab)
    sim.fault("modem", 'AT+CSIM=10,"8', action="late", delay_ms=11000, execute=True)
    agent.http("GET", "/v1/eid", {"Cache-Control": "no-cache"})
    for _ in range(3):
        status, _, eid = agent.http("GET", "/v1/eid", {"Cache-Control": "no-cache"})
        if status == 200:
            assert eid["eid"] == "89001039450410141400000000001580"
    status, _, answer = agent.http("GET", "/v1/profiles", {"Cache-Control": "no-cache"})
    assert status == 200 and answer["profiles"][0]["iccid"] == ALPHA


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "cme", "code": 14},
        {"action": "cme", "code": 100},
        {"action": "truncate"},
        {"action": "garbage"},
    ],
    ids=["SIM busy", "unknown", "truncated", "garbage"],
)
def test_one_bad_answer_to_a_read(lab, fault):
    sim, agent = ready(lab)
    sim.fault("modem", 'AT+CSIM=10,"81', **fault)
    agent.http("GET", "/v1/profiles", {"Cache-Control": "no-cache"})
    status, _, answer = agent.http("GET", "/v1/profiles", {"Cache-Control": "no-cache"})
    assert status == 200 and [p["iccid"] for p in answer["profiles"]][0] == ALPHA
    wait_until(lambda: not sim.state()["card"]["channels"], what="the channel is closed")


@pytest.mark.parametrize(
    "overrides, status, code",
    [
        ({"card.present": False}, 502, "card-absent"),
        ({"modem.cpin": "SIM PIN"}, 502, "sim-locked"),
        ({"modem.cpin": "SIM PUK"}, 502, "sim-locked"),
        ({"modem.csim": False, "modem.cgla": False}, 502, "card-error"),
    ],
    ids=["no SIM", "PIN", "PUK", "no way to the card"],
)
def test_a_card_that_cannot_be_read(lab, overrides, status, code):
    sim = lab.sim(None, overrides)
    agent = lab.agent(sim)
    wait_until(lambda: agent.http("GET", "/readyz")[2].get("code") == code, 60, f"readyz: {code}")
    got, _, problem = agent.http("GET", "/v1/eid")
    assert (got, problem["code"]) == (status, code)
    assert not any("CPIN=" in line for line in sim.at_lines()), "a PIN is never entered"


def test_radio_left_off_is_switched_on(lab):
    sim, agent = ready(lab, overrides={"modem.cfun": 4})
    assert "AT+CFUN=1" in sim.at_lines()
    wait_until(
        lambda: agent.http("GET", "/v1/connectivity", {"Cache-Control": "no-cache"})[2][
            "registration"
        ]
        == "home",
        what="registered",
    )


def test_the_port_is_held_by_another_agent(lab):
    sim, agent = ready(lab)
    other = lab.agent(sim)
    wait_until(lambda: says_absent(other), what="the second agent says modem-absent")
    wait_until(
        lambda: str(agent.process.pid) in other.http("GET", "/readyz")[2]["detail"],
        what="the holder is named",
    )
    assert agent.http("GET", "/v1/profiles", {"Cache-Control": "no-cache"})[0] == 200
    agent.kill()
    other.wait_ready()
    agent.start()


def test_a_port_that_is_no_tty(lab):
    sim = lab.sim()
    path = lab.folder / "file"
    path.write_text("not a modem")
    agent = lab.agent(sim, config={"modem.port": str(path)})
    wait_until(lambda: says_absent(agent), what="modem-absent")


def test_health_is_answered_while_a_command_hangs(lab):
    sim, agent = ready(lab)
    sim.fault("modem", "AT+CSIM", action="silent")
    reader = threading.Thread(
        target=agent.http, args=("GET", "/v1/profiles", {"Cache-Control": "no-cache"})
    )
    reader.start()
    for _ in range(10):
        begun = time.monotonic()
        assert agent.http("GET", "/healthz")[0] == 200
        assert agent.http("GET", "/v1/eid")[0] == 200
        assert time.monotonic() - begun < 5 * SLOW
    reader.join()


def test_a_storm_of_unsolicited_lines(lab):
    sim, agent = ready(lab, overrides={"modem.urc_storm_ms": 5})
    for _ in range(3):
        assert agent.http("GET", "/v1/profiles", {"Cache-Control": "no-cache"})[0] == 200
    assert agent.enable(BETA)[2]["state"] == "succeeded"
    sim.check()


def test_extra_init_commands_are_sent(lab):
    sim, agent = ready(lab, config={"modem.init": ["AT+CSQ"]})
    assert "AT+CSQ" in sim.at_lines()


def test_an_eid_that_the_card_refuses_costs_no_list(lab):
    sim = lab.sim()
    sim.fault("card", "eid", sw="6F00", nth=0)
    agent = lab.agent(sim)
    wait_until(lambda: agent.http("GET", "/readyz")[0] == 200, what="ready without an EID")
    status, _, answer = agent.http("GET", "/v1/profiles")
    assert status == 200 and len(answer["profiles"]) == 3
    status, _, problem = agent.http("GET", "/v1/eid")
    assert (status, problem["code"], problem["sw"]) == (502, "card-error", "6F00")
    assert agent.enable(BETA)[2]["state"] == "succeeded"
    sim.clear_faults()
    status, _, eid = agent.http("GET", "/v1/eid", {"Cache-Control": "no-cache"})
    assert status == 200 and eid["valid"]


def test_connectivity_is_not_told_while_the_modem_is_away(lab):
    sim, agent = ready(lab)
    assert agent.http("GET", "/v1/connectivity", {"Cache-Control": "no-cache"})[0] == 200
    sim.vanish()
    wait_until(lambda: says_absent(agent), what="modem-absent")
    assert agent.http("GET", "/v1/connectivity")[0] == 503
    sim.come_back()
    agent.wait_ready()


def test_a_data_call_that_drops_ends_no_command(lab):
    sim, agent = ready(lab, overrides={"modem.apdu_latency_ms": 300})
    since = sim.last_n()
    reader = threading.Thread(
        target=lambda: agent.http("GET", "/v1/profiles", {"Cache-Control": "no-cache"})
    )
    reader.start()
    wait_until(lambda: sim.ops(since), what="a command is under way")
    sim.urc("NO CARRIER")
    reader.join()
    sim.check()
    rows = agent.http("GET", "/v1/profiles", {"Cache-Control": "no-cache"})[2]["profiles"]
    assert len(rows) == 3


def test_a_card_changed_in_silence(lab):
    sim, agent = ready(lab)
    sim.set("card.eid", "89049032123451234512345678901235")
    for i, iccid in enumerate(("8988211000000123451", "8988211000000123469", "8988211000000123477")):
        sim.set(f"card.profiles.{i}.iccid", iccid)
    agent.http("GET", "/v1/profiles", {"Cache-Control": "no-cache"})
    wait_until(
        lambda: agent.http("GET", "/v1/eid")[2]["eid"].startswith("89049032"),
        what="the EID of the other card",
    )


def test_sim_signs_without_end_do_not_flood_the_card(lab):
    sim, agent = ready(lab)
    since = sim.last_n()
    for _ in range(40):
        sim.urc("+QUSIM: 1")
        time.sleep(0.05)
    assert len([op for op in sim.ops(since) if op == "list"]) <= 4
