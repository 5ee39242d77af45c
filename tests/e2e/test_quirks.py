"""The same three things on every kind of modem and card: EID, list, a switch there and back."""

import pytest

from harness import wait_until

# name, scenario, overrides
KINDS = [
    ("csim lpm", None, {"modem.cgla": False}),
    ("cgla lpm", "cgla-only.json", {}),
    ("cgla opaque handle", "cgla-handle.json", {}),
    ("csim es10c", "es10c-only.json", {"modem.cgla": False}),
    ("cgla es10c", "es10c-only.json", {"modem.csim": False}),
    ("more than 256 bytes", "seven-profiles.json", {}),
    ("more than 256 bytes by cgla", "seven-profiles.json", {"modem.csim": False}),
    ("quirky csim", "quirky-csim.json", {}),
    ("slow", "slow-modem.json", {}),
    ("refresh on close", "refresh-on-close.json", {}),
    ("refresh on enable", None, {"modem.refresh": "enable"}),
    ("port vanishes at refresh", "vanishing-port.json", {}),
    ("storm, garbage, bytewise", "storm.json", {}),
    ("commit on close", "commit-on-close.json", {}),
    ("no quotes", None, {"modem.quotes": False}),
    ("no closing quote", None, {"modem.closing_quote": False}),
    ("lower-case answers", None, {"modem.lower_hex": True}),
    ("upper case only", None, {"modem.upper_hex_only": True}),
    ("echo", None, {"modem.echo": True}),
    ("61XX chains", None, {"card.chaining": 40}),
    ("61XX chains, first empty", None, {"card.chaining": 40, "card.chaining_style": "empty"}),
    ("wrong Le", None, {"card.wrong_le": True}),
    ("open wants Le 01", None, {"card.manage_channel_le": "01", "modem.cgla": False}),
    ("get response wants class 8X", None, {"card.chaining": 40, "card.get_response_cla": "8"}),
    ("SELECT with an FCI", None, {"card.select_fci": "data"}),
    ("SELECT with 61XX", None, {"card.select_fci": "61"}),
    ("ENABLE with 91XX", None, {"card.enable_sw": "910B"}),
    ("toolkit busy", None, {"card.busy_count": 2}),
    ("OK before the data", None, {"modem.ok_first": True}),
    ("peace after a final line", None, {"modem.peace_ms": 20}),
    ("CSIM's SELECT fails", None, {"modem.csim_select_fails": True}),
    ("bare CCHO and CGLA", None, {"modem.csim": False, "modem.ccho_style": "bare", "modem.cgla_bare": True}),
    ("CGLA wants channel bits 0", None, {"modem.csim": False, "modem.cgla_channel_bits": "zero"}),
    ("no CCHC", None, {"modem.csim": False, "modem.cchc": False}),
    ("QCCID", None, {"modem.ccid_command": "qccid"}),
    ("ICCID, padded", None, {"modem.ccid_command": "iccid", "modem.ccid_style": "padF"}),
    ("no ICCID command", None, {"modem.ccid_command": "none"}),
    ("CREG alone", None, {"modem.cereg": False, "modem.cgreg": False}),
    ("C5GREG", None, {"modem.c5greg": True}),
    ("no CESQ", None, {"modem.cesq": False}),
    ("SIM busy after a reset", None, {"modem.cpin_busy_ms": 2000}),
    ("STORE DATA wants Le", "es10c-only.json", {"card.store_data_needs_le": "6700"}),
    ("STORE DATA without Le gets an empty 9000", "es10c-only.json", {"card.store_data_needs_le": "empty"}),
    ("ES10c answers directly", "es10c-only.json", {"card.es10c_direct": True}),
    ("ES10c enables by AID only", "es10c-only.json", {"card.enable_only_by_aid": True}),
    ("ES10c enables without refresh flag", "es10c-only.json", {"card.enable_needs_no_refresh_flag": True, "modem.refresh": "close"}),
    ("the guide's BF310000", "es10c-only.json", {"card.enable_es10_result": -1}),
]


@pytest.mark.parametrize("scenario, overrides", [k[1:] for k in KINDS], ids=[k[0] for k in KINDS])
def test_kind(lab, scenario, overrides):
    sim = lab.sim(scenario, overrides)
    agent = lab.agent(sim, config={"switch.refresh_s": 5})
    agent.wait_ready(60)
    status, _, eid = agent.http("GET", "/v1/eid")
    assert status == 200 and len(eid["eid"]) == 32
    status, _, answer = agent.http("GET", "/v1/profiles")
    assert status == 200
    before = next(p["iccid"] for p in answer["profiles"] if p["enabled"])
    assert before == sim.enabled()
    target = next(p["iccid"] for p in answer["profiles"] if not p["enabled"])
    for profile in (target, before):
        status, _, op = agent.enable(profile)
        assert (status, op["state"]) == (200, "succeeded"), op
        assert op["result"]["now"] == profile == sim.enabled()
        rows = agent.http("GET", "/v1/profiles")[2]["profiles"]
        assert [r["iccid"] for r in rows if r["enabled"]] == [profile]
    asked = sim.counters()
    assert asked["overlaps"] == 0
    if overrides.get("modem.cchc") is not False:
        wait_until(lambda: not sim.state()["card"]["channels"], what="all channels closed")


# One of each row that reads the SINR of LTE by a command of the maker's own.
MAKERS = [
    ("Quectel", "EC25"),
    ("Quectel", "BG95-M3"),
    ("Quectel", "RM500Q-GL"),
    ("SIMCOM_Ltd", "SIMCOM_SIM7080G"),
    ("Sierra Wireless, Incorporated", "EM7455"),
    ("Fibocom Wireless Inc.", "L850-GL"),
    ("Fibocom Wireless Inc.", "FM350-GL"),
]


def signal_of(agent):
    headers = {"Cache-Control": "no-cache"}
    return agent.http("GET", "/v1/connectivity", headers)[2].get("signal", {})


@pytest.mark.parametrize("manufacturer, model", MAKERS, ids=[m[1] for m in MAKERS])
def test_the_makers_sinr(lab, manufacturer, model):
    sim = lab.sim(
        None,
        {
            "modem.manufacturer": manufacturer,
            "modem.model": model,
            "card.profiles.0.network.sinr": -4,
        },
    )
    agent = lab.agent(sim)
    agent.wait_ready()
    wait_until(lambda: "rsrp_dbm" in signal_of(agent), what="a reading of the signal")
    signal = signal_of(agent)
    assert (signal["rsrp_dbm"], signal.get("sinr_db")) == (-95, -4)
    sim.check()


def test_a_consumer_euicc_by_its_isd_r(lab):
    sim = lab.sim("isdr.json")
    agent = lab.agent(sim, config={"card.aid": "A0000005591010FFFFFFFF8900000100"})
    agent.wait_ready()
    rows = agent.http("GET", "/v1/profiles")[2]["profiles"]
    target = next(p["iccid"] for p in rows if not p["enabled"])
    assert agent.enable(target)[2]["state"] == "succeeded"
    assert sim.enabled() == target
    sim.check()


def test_no_applet(lab):
    sim = lab.sim(None, {"card.lpm": False})
    agent = lab.agent(sim)
    wait_until(
        lambda: agent.http("GET", "/readyz")[2].get("code") == "applet-absent",
        what="readyz says applet-absent",
    )
    status, _, problem = agent.http("GET", "/v1/eid")
    assert (status, problem["code"]) == (502, "applet-absent")
    sim.check()


def test_no_channel_free_takes_back_what_a_crash_left_open(lab):
    sim = lab.sim(None, {"card.channels_max": 1, "modem.cgla": False, "modem.apdu_latency_ms": 200})
    agent = lab.agent(sim)
    sim.wait(op="select", count=1)
    agent.kill()
    assert sim.state()["card"]["channels"], "the kill left a channel open"
    agent.start()
    agent.wait_ready()
    assert agent.http("GET", "/v1/eid")[0] == 200
    sim.check()
