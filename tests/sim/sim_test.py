"""lpm-sim against the guide's dialogues, and each of its ways once.

Run with /usr/bin/python3 -m pytest; LPM_BIN_DIR names the folder of lpm-sim. It talks to the port
by itself and uses nothing of the agent."""

import contextlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))

from ports import free_port  # noqa: E402

HERE = Path(__file__).resolve().parent
BIN = Path(os.environ.get("LPM_BIN_DIR", "build/bin")) / "lpm-sim"
SLOW = float(os.environ.get("LPM_TEST_SLOW", "1"))
FINAL = re.compile(rb"\r\n(OK|ERROR|\+CME ERROR: [^\r]*)\r\n")

ALPHA, BETA, GAMMA = "89123108001757010071", "8949001312170061988", "89123108001757010072"
LPM = "A000000815030040030902231003"
ISDR = "A0000005591010FFFFFFFF8900000100"
AID_ALPHA, AID_BETA = "A0000005591010FFFFFFFF8900001100", "A0000005591010FFFFFFFF8900001000"
EID = "89001039450410141400000000001580"
ROWS = {  # an LPM list of the guide's card, by who is enabled
    who: "".join(
        f"E3254F10{aid}9F7001{'3F' if who == iccid else '1F'}5301{fb}5A0A{card}"
        for iccid, aid, fb, card in (
            (ALPHA, AID_ALPHA, "01", "98211380007175100017"),
            (BETA, AID_BETA, "00", "989400312171001689F8"),
            (GAMMA, "A0000005591010FFFFFFFF8900001200", "00", "98211380007175100027"),
        )
    )
    for who in (ALPHA, BETA, GAMMA)
}


class Sim:
    def __init__(self, folder, scenario=None, args=()):
        self.link, self.path = str(folder / "port"), str(folder / "ctl")
        command = [str(BIN), "--link", self.link, "--control", self.path, *args]
        if isinstance(scenario, str):
            command += ["--scenario", str(HERE / "scenarios" / scenario)]
        elif scenario is not None:
            (folder / "scenario.json").write_text(json.dumps(scenario))
            command += ["--scenario", str(folder / "scenario.json")]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self.process.stdout.readline().startswith(b"ready")
        self.fd = -1
        self.open()

    def open(self, timeout=5):
        end = time.monotonic() + timeout * SLOW
        while True:
            try:
                self.fd = os.open(self.link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
                return
            except OSError:
                assert time.monotonic() < end
                time.sleep(0.02)

    def close(self):
        os.close(self.fd)
        self.fd = -1

    def read(self, until=None, timeout=5.0):
        """Bytes until the pattern is in them, or (no pattern) for that long."""
        data, end = b"", time.monotonic() + timeout * (SLOW if until else 1)
        while time.monotonic() < end:
            if select.select([self.fd], [], [], 0.02)[0]:
                try:
                    part = os.read(self.fd, 65536)
                except OSError:
                    part = b""
                if not part:
                    return data + b"<gone>"
                data += part
                if until and until.search(data):
                    return data
        assert not until, data
        return data

    def raw(self, line, until=FINAL, timeout=5.0):
        os.write(self.fd, line.encode() + b"\r")
        return self.read(until, timeout)

    def at(self, line, timeout=5.0):
        """The lines of the answer, the final one last."""
        return [t for t in self.raw(line, timeout=timeout).decode("latin1").split("\r\n") if t]

    def csim(self, apdu):
        answer = self.at(f'AT+CSIM={len(apdu)},"{apdu}"')
        line = next((t for t in answer if t.startswith("+CSIM:")), None)
        assert line, answer
        n, data = re.fullmatch(r'\+CSIM: (\d+),"?([0-9A-Fa-f]*)"?', line).groups()
        assert int(n) == len(data)
        return data.upper()

    def control(self, cmd, **more):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20 * SLOW)
            s.connect(self.path)
            s.sendall(json.dumps({"cmd": cmd, **more}).encode() + b"\n")
            return json.loads(s.makefile().readline())

    def set(self, path, value):
        answer = self.control("set", path=path, value=value)
        assert answer["ok"], answer

    def wait(self, **until):
        answer = self.control("wait", until=until, timeout_ms=int(8000 * SLOW))
        assert answer["ok"], (until, self.control("state"))

    def state(self):
        return self.control("state")

    def counters(self):
        return self.control("counters")["counters"]

    def select(self, channel="01", aid=LPM):
        assert self.csim("0070000001") == channel + "9000"
        return self.csim(f"{channel}A40400{len(aid) // 2:02X}{aid}")

    def stop(self):
        if self.fd >= 0:
            self.close()
        self.process.send_signal(signal.SIGTERM)
        _, err = self.process.communicate(timeout=10 * SLOW)
        assert self.process.returncode == 0, err.decode()
        assert not err, err.decode()
        assert not os.path.lexists(self.link) and not os.path.exists(self.path)


@pytest.fixture
def start(tmp_path):
    sims = []

    def one(scenario=None, **sets):
        folder = tmp_path / str(len(sims))
        folder.mkdir()
        args = sets.pop("args", [])
        for path, value in sets.items():
            args += ["--set", f"{path.replace('__', '.')}={json.dumps(value)}"]
        sims.append(Sim(folder, scenario, args))
        return sims[-1]

    yield one
    for sim in sims:
        sim.stop()


# ---- the guide ----


def test_guide_dialogue(start):
    sim = start()
    assert sim.at("ATE0") == ["OK"]
    assert sim.at('AT+CSIM=10,"0070000001"') == ['+CSIM: 6,"019000"', "OK"]
    assert sim.at(f'AT+CSIM=38,"01A404000E{LPM}"') == ['+CSIM: 4,"9000"', "OK"]
    assert sim.at('AT+CSIM=10,"8116000012"') == [f'+CSIM: 40,"4C10{EID}9000"', "OK"]
    assert sim.at('AT+CSIM=10,"81180000FF"') == [f'+CSIM: 238,"{ROWS[ALPHA]}9000"', "OK"]
    assert sim.at(f'AT+CSIM=42,"8101000010{AID_BETA}"') == ['+CSIM: 4,"9000"', "OK"]
    assert sim.at("AT+CCID") == ["+CCID: " + ALPHA, "OK"]
    assert sim.at("AT+CRSM=176,12258,0,0,10") == ['+CRSM: 144,0,"989400312171001689F8"', "OK"]
    assert sim.at('AT+CSIM=10,"0070800100"')[:2] == ['+CSIM: 4,"9000"', "OK"]
    sim.wait(iccid=BETA, registration="home", data=True)
    sim.read(timeout=0.05)
    assert sim.at("AT+CCID") == ["+CCID: " + BETA, "OK"]
    assert sim.counters()["overlaps"] == 0


def test_guide_es10c(start):
    sim = start()
    assert sim.select() == "9000"
    assert sim.csim("81E2910006BF3E035C015A") == "6115"
    assert sim.csim("01C0000015") == f"BF3E125A10{EID}9000"
    assert sim.csim("81E2910009BF2D065C045A4F9F70") == "6171"
    data = sim.csim("01C0000071")
    assert data.startswith("BF2D6EA06CE3225A0A982113800071751000174F10" + AID_ALPHA + "9F700101E322")
    assert sim.csim("81E2910014BF3111A00C5A0A989400312171001689F88101FF") == "6106"
    assert sim.csim("01C0000006") == "BF31038001009000"
    assert sim.state()["card"]["enabled"] == BETA


# What the card says to one APDU on channel 1, with the applet selected.
APDUS = [
    ("a channel never opened", {}, "8216000012", "6881"),
    ("a far channel", {}, "C016000012", "6881"),
    ("secure messaging", {}, "8516000012", "6882"),
    ("no such class", {}, "A116000012", "6E00"),
    ("no such instruction", {}, "8177000000", "6D00"),
    ("instruction in the wrong class", {}, "0116000012", "6E00"),
    ("wrong AID", {}, "01A4040010" + ISDR, "6A82"),
    ("EID with another Le", {}, "8116000005", "6C12"),
    ("list with a short Le", {}, "8118000010", "6C75"),
    ("Lc beyond the end", {}, "8101000010A000", "6700"),
    ("enable what is not there", {}, "8101000010" + "AA" * 16, "6A88"),
    ("enable what is enabled", {}, "8101000010" + AID_ALPHA, "6985"),
    ("policy", {"card__profiles__0__pol1": True}, "8101000010" + AID_BETA, "69E1"),
    ("enable with a proactive command", {"card__enable_sw": "910B"}, "8101000010" + AID_BETA, "910B"),
    ("busy", {"card__busy_count": 1}, "8101000010" + AID_BETA, "9300"),
    ("nothing to get", {}, "01C0000010", "6985"),
    ("no native commands", {"card__lpm_commands": False}, "8116000012", "6D00"),
    ("no ES10c", {"card__es10c_commands": False}, "81E2910006BF3E035C015A", "6D00"),
    ("ES10c wants Le", {"card__store_data_needs_le": "6700"}, "81E2910006BF3E035C015A", "6700"),
    ("ES10c wants Le, in silence", {"card__store_data_needs_le": "empty"}, "81E2910006BF3E035C015A", "9000"),
    ("ES10c with Le", {"card__store_data_needs_le": "6700"}, "81E2910006BF3E035C015A00", "6115"),
    ("ES10c direct", {"card__es10c_direct": True}, "81E2910006BF3E035C015A", f"BF3E125A10{EID}9000"),
    ("6CXX on the list", {"card__wrong_le": True}, "81180000FF", "6C75"),
    ("and then the list", {"card__wrong_le": True}, "8118000075", ROWS[ALPHA] + "9000"),
    ("chained", {"card__chaining": 64}, "81180000FF", ROWS[ALPHA][:128] + "6135"),
    ("chained, empty at first", {"card__chaining": 64, "card__chaining_style": "empty"}, "81180000FF", "6140"),
    ("fault by name", {"card__faults": [{"match": "eid", "sw": "6F00"}]}, "8116000012", "6F00"),
    ("fault by bytes", {"card__faults": [{"match": "8018", "sw": "6581", "data": "AB"}]}, "81180000FF", "AB6581"),
    ("fault of the second time", {"card__faults": [{"match": "eid", "nth": 2}]}, "8116000012", f"4C10{EID}9000"),
    ("close another way", {}, "01708000", "9000"),
]


@pytest.mark.parametrize("what,sets,apdu,answer", APDUS, ids=[row[0] for row in APDUS])
def test_apdu(start, what, sets, apdu, answer):
    sim = start(**sets)
    assert sim.select() == "9000"
    assert sim.csim(apdu) == answer


ES10_ENABLES = [
    ("by ICCID", {}, "5A0A989400312171001689F8", "FF", "00"),
    ("by AID", {}, "4F10" + AID_BETA, "FF", "00"),
    ("not there", {}, "5A0A99999999999999999999", "FF", "01"),
    ("enabled already", {}, "4F10" + AID_ALPHA, "FF", "02"),
    ("policy", {"card__profiles__0__pol1": True}, "4F10" + AID_BETA, "FF", "03"),
    ("busy", {"card__busy_count": 1}, "4F10" + AID_BETA, "FF", "05"),
    ("only by AID", {"card__enable_only_by_aid": True}, "5A0A989400312171001689F8", "FF", "7F"),
    ("no flag, please", {"card__enable_needs_no_refresh_flag": True}, "4F10" + AID_BETA, "FF", "7F"),
    ("without flag", {"card__enable_needs_no_refresh_flag": True}, "4F10" + AID_BETA, "00", "00"),
    ("as told", {"card__enable_es10_result": 127}, "4F10" + AID_BETA, "FF", "7F"),
]


@pytest.mark.parametrize("what,sets,who,flag,result", ES10_ENABLES, ids=[r[0] for r in ES10_ENABLES])
def test_es10_enable(start, what, sets, who, flag, result):
    sim = start(card__es10c_direct=True, **sets)
    assert sim.select() == "9000"
    inner = f"A0{len(who) // 2:02X}{who}8101{flag}"
    body = f"BF31{len(inner) // 2:02X}{inner}"
    assert sim.csim(f"81E29100{len(body) // 2:02X}{body}") == f"BF31038001{result}9000"
    assert sim.state()["card"]["enabled"] == (BETA if result == "00" else ALPHA)
    sim.csim("0070800100")
    refreshed = sim.counters()["refresh"]
    assert refreshed == (1 if result == "00" and flag == "FF" else 0)


def test_store_data_in_blocks(start):
    sim = start()
    sim.select()
    assert sim.csim("81E2110003BF3E03") == "9000"
    assert sim.csim("81E29101035C015A") == "6115"
    assert sim.csim("81E29105035C015A") == "6A86"


def test_nine_profiles(start):
    sim = start("seven-profiles.json")
    sim.select()
    data = sim.csim("81180000FF")
    whole = data[:-4]
    assert data[-4:] == f"61{9 * 39 - 255:02X}"
    data = sim.csim("01C00000" + data[-2:])
    assert data[-4:] == "9000" and len(whole + data) // 2 == 9 * 39 + 2
    assert (whole + data).count("E3254F10") == 9
    sim.csim("81E2910009BF2D065C045A4F9F70")
    data, whole = "6100", ""
    while data[-4:-2] == "61":
        data = sim.csim("01C00000" + data[-2:])
        whole += data[:-4]
    assert whole.startswith("BF2D820142A082013EE3") or whole.startswith("BF2D82")
    assert whole.count("E3225A0A") == 9


def test_icons(start):
    sim = start(card__icon_bytes=1024)
    sim.select()
    data, whole = sim.csim("81E2910003BF2D00"), ""
    while data[-4:-2] == "61":
        data = sim.csim("01C00000" + data[-2:])
        whole += data[:-4]
    assert data[-4:] == "9000" and len(whole) // 2 > 3 * 1024


def test_channels(start):
    sim = start()
    assert [sim.csim("0070000001") for _ in range(4)] == ["019000", "029000", "039000", "6A81"]
    assert sim.csim("0070800200") == "9000"
    assert sim.csim("0070800200") == "6881"
    assert sim.csim("0070000001") == "029000"
    sim.set("card.channels_max", 19)
    assert sim.csim("0070000001") == "049000"
    assert sim.csim(f"40A404000E{LPM}") == "9000"
    assert sim.csim("C016000012") == f"4C10{EID}9000"
    assert sim.state()["card"]["channels"] == [1, 2, 3, 4]


LE = [("any", "00", "019000"), ("00", "01", "6700"), ("00", "00", "019000"), ("01", "00", "6700")]


@pytest.mark.parametrize("wanted,le,answer", LE)
def test_manage_channel_le(start, wanted, le, answer):
    assert start(card__manage_channel_le=wanted).csim("00700000" + le) == answer


def test_get_response_class_and_fci(start):
    sim = start(card__get_response_cla="8", card__select_fci="61")
    sw = sim.select()
    assert sw[:2] == "61"
    assert sim.csim("01C00000" + sw[2:]) == "6E00"
    assert sim.csim("81C00000" + sw[2:]).startswith("6F12840E" + LPM)


def test_isdr(start):
    sim = start("isdr.json")
    assert sim.select() == "6A82"
    assert sim.csim("01A4040010" + ISDR) == "9000"
    assert sim.csim("8116000012") == "6D00"
    assert sim.csim("81E2910006BF3E035C015A") == "6115"


# ---- the modem and the switch ----


def enable(sim, aid=AID_BETA, close=True):
    sim.select()
    sw = sim.csim("8101000010" + aid)
    if close:
        sim.csim("0070800100")
    return sw


def test_commit_on_close(start):
    sim = start("commit-on-close.json")
    enable(sim, close=False)
    assert sim.csim("81180000FF") == ROWS[ALPHA] + "9000"
    assert sim.state()["card"]["enabled"] == ALPHA
    sim.csim("0070800100")
    assert sim.state()["card"]["enabled"] == BETA
    sim.wait(iccid=BETA)


def test_refresh_on_enable(start):
    sim = start(modem__refresh="enable", modem__cme=1)
    enable(sim, close=False)
    assert sim.at('AT+CSIM=10,"0070800100"')[-1] == "+CME ERROR: 14"
    assert sim.at("AT+CPIN?")[-1] == "+CME ERROR: 14"
    sim.wait(iccid=BETA, registration="home")
    assert sim.csim("0070800100") == "6881"


def test_refresh_ignored(start):
    sim = start("refresh-ignored.json")
    enable(sim)
    time.sleep(0.5)
    assert sim.at("AT+CCID")[0] == "+CCID: " + ALPHA
    assert sim.at("AT+COPS=3,2") == ["OK"]
    assert sim.at("AT+COPS?")[0] == '+COPS: 0,2,"26201",7'
    assert sim.at("AT+CRSM=176,12258,0,0,10")[0] == '+CRSM: 144,0,"989400312171001689F8"'
    sim.select()
    assert sim.csim("81180000FF") == ROWS[BETA] + "9000"
    assert sim.at("AT+CFUN=4") == ["OK"]
    assert sim.at("AT+CFUN=1")[-1] == "OK"
    sim.wait(iccid=BETA, registration="home")
    assert sim.csim("8116000012") == "6881"


def test_refresh_tells(start):
    sim = start(modem__sim_change_urc="+QUSIM: 1")
    sim.at("AT+CREG=2")
    sim.at("AT+CEREG=1")
    sim.wait(registration="home")
    sim.read(timeout=0.05)
    sim.control("switch", iccid=GAMMA)
    told = sim.read(re.compile(rb"\+CREG: 1"))
    for line in ("+CPIN: NOT READY", "+CREG: 0", "+CPIN: READY", "+QUSIM: 1", "+CREG: 2", '+CREG: 1,"1A2B"', "+CEREG: 2"):
        assert line.encode() in told, line


def test_denied_searching_and_reason(start):
    sim = start("dead-network.json")
    sim.wait(registration="home")
    sim.at("AT+CEREG=3")
    sim.control("switch", iccid=GAMMA)
    sim.wait(registration="denied")
    sim.read(timeout=0.05)
    assert sim.at("AT+CEREG?")[0] == "+CEREG: 3,3,,,,0,11"
    assert sim.at("AT+CGPADDR=1")[0] == '+CGPADDR: 1,"0.0.0.0"'
    sim.control("switch", iccid=BETA)
    sim.wait(iccid=BETA)
    time.sleep(0.5)
    assert sim.state()["modem"]["registration"] == "searching"
    sim.set("card.profiles.1.network.registration", "roaming")
    sim.wait(registration="roaming", data=True)


def test_apn_decides_on_data(start):
    sim = start(card__profiles__0__network={"apn": "iot.example"})
    sim.wait(registration="home")
    time.sleep(0.3)
    assert sim.at("AT+CGATT?")[0] == "+CGATT: 1"
    assert not sim.state()["modem"]["data"]
    assert sim.at('AT+CGDCONT=1,"IPV4V6","iot.example"') == ["OK"]
    assert sim.at('AT+CGAUTH=1,1,"user","secret"') == ["OK"]
    assert sim.at("AT+CGDCONT?")[0].startswith('+CGDCONT: 1,"IPV4V6","iot.example"')
    assert sim.at("AT+CGAUTH?")[0] == '+CGAUTH: 1,1,"user","secret"'
    assert not sim.state()["modem"]["data"]
    assert sim.at("AT+CGATT=0") == ["OK"]
    assert sim.at("AT+CGATT=1") == ["OK"]
    sim.wait(data=True)
    assert sim.at("AT+CGPADDR")[0] == '+CGPADDR: 1,"10.11.12.13"'


NEEDS = [
    ("the wrong user", {"auth_user": "iot", "auth_password": "s3"}, 'AT+CGAUTH=1,1,"io","s3"', False),
    ("the wrong password", {"auth_user": "iot", "auth_password": "s3"}, 'AT+CGAUTH=1,2,"iot","s4"', False),
    ("another context's", {"auth_user": "iot", "auth_password": "s3"}, 'AT+CGAUTH=2,1,"iot","s3"', False),
    ("PAP", {"auth_user": "iot", "auth_password": "s3"}, 'AT+CGAUTH=1,1,"iot","s3"', True),
    ("CHAP", {"auth_user": "iot", "auth_password": "s3"}, 'AT+CGAUTH=1,2,"iot","s3"', True),
    ("a user without need", {}, 'AT+CGAUTH=1,1,"iot","s3"', True),
    ("no address at all", {"address": ""}, 'AT+CGAUTH=1,0', False),
]


@pytest.mark.parametrize("again", ["AT+CGATT=0 AT+CGATT=1", "AT+CFUN=4 AT+CFUN=1"])
@pytest.mark.parametrize("what,network,command,data", NEEDS, ids=[row[0] for row in NEEDS])
def test_what_data_needs(start, what, network, command, data, again):
    sim = start(card__profiles__0__network={"apn": "iot.example", "delay_ms": 50, **network})
    sim.wait(registration="home")
    assert sim.at('AT+CGDCONT=1,"IP","IOT.example"') == ["OK"]
    assert sim.at(command) == ["OK"]
    assert not sim.state()["modem"]["data"]
    for line in again.split():
        assert sim.at(line)[-1] == "OK"
    sim.wait(registration="home")
    if data:
        sim.wait(data=True)
    time.sleep(0.3)
    assert sim.at("AT+CGATT?")[0] == "+CGATT: 1"
    assert sim.state()["modem"]["data"] == data
    shown = "10.11.12.13" if data else "0.0.0.0"
    assert sim.at("AT+CGPADDR=1")[0] == f'+CGPADDR: 1,"{shown}"'


@pytest.mark.parametrize("code", [-1, 40, 48])
def test_a_lock_shows_once_the_profile_is_in_use(start, code):
    sim = start("guide.json", modem__cme=1, card__profiles__1__network={"sim_lock": True, "sim_lock_cme": code})
    sim.wait(registration="home")
    assert sim.at("AT+CPIN?")[0] == "+CPIN: READY"
    sim.control("switch", iccid=BETA)
    sim.wait(iccid=BETA, registration="idle")
    sim.read(timeout=0.05)
    if code < 0:
        assert sim.at("AT+CPIN?") == ["+CPIN: PH-NET PIN", "OK"]
        assert sim.at("AT+CIMI") == ["+CME ERROR: 5"]
    else:
        assert sim.at("AT+CPIN?") == sim.at("AT+CIMI") == [f"+CME ERROR: {code}"]
    enable(sim, AID_ALPHA)  # the card can still be spoken to
    sim.wait(iccid=ALPHA, registration="home")


# What makes a modem notice that ignores REFRESH: nothing, CFUN 4 and 1, a reboot.
STUBBORN = [(True, True, "cfun"), (False, True, "reboot"), (False, False, "never")]


@pytest.mark.parametrize("cfun,reboot,notices", STUBBORN, ids=[row[2] for row in STUBBORN])
def test_stubborn_modems(start, cfun, reboot, notices):
    sim = start("refresh-ignored.json", modem__cfun_refresh=cfun, modem__reboot_refresh=reboot, modem__reboot_ms=0)
    sim.wait(registration="home")
    enable(sim)
    time.sleep(0.4)
    assert sim.at("AT+CCID")[0] == "+CCID: " + ALPHA
    for line in ("AT+CFUN=4", "AT+CFUN=1"):
        assert sim.at(line)[-1] == "OK"
    sim.wait(registration="home")
    sim.read(timeout=0.1)
    assert sim.at("AT+CCID")[0] == "+CCID: " + (BETA if notices == "cfun" else ALPHA)
    assert sim.at("AT+CRESET")[0] == "OK"
    sim.wait(registration="idle")
    sim.wait(registration="home")
    sim.read(timeout=0.1)
    sim.at("ATE0")
    assert sim.at("AT+CCID")[-2] == "+CCID: " + (ALPHA if notices == "never" else BETA)
    assert sim.state()["card"]["enabled"] == BETA


@pytest.mark.parametrize("level", [0, 4])
def test_radio_off_at_the_start(start, level):
    sim = start(modem__cfun=level)
    time.sleep(0.6)
    assert sim.at("AT+CFUN?")[0] == f"+CFUN: {level}"
    assert sim.state()["modem"]["registration"] == "idle"
    assert sim.at("AT+CFUN=1")[-1] == "OK"
    sim.wait(registration="home", data=True)


# An ENABLE that does not end well, and what the card did.
ODD_ENABLES = [
    ("6F00 in vain", {"where": "card", "match": "enable", "sw": "6F00"}, b"6F00", False),
    ("6F00 with effect", {"where": "card", "match": "enable", "sw": "6F00", "take_effect": True}, b"6F00", True),
    ("late", {"where": "modem", "match": "AT+CSIM=42", "action": "late", "delay_ms": 2000}, b"", True),
    ("silent in vain", {"where": "modem", "match": "AT+CSIM=42", "action": "silent"}, b"", False),
    ("silent with effect", {"where": "modem", "match": "AT+CSIM=42", "action": "silent", "execute": True}, b"", True),
    ("gone in vain", {"where": "modem", "match": "AT+CSIM=42", "action": "vanish", "delay_ms": 60000}, b"<gone>", False),
    ("gone with effect",
     {"where": "modem", "match": "AT+CSIM=42", "action": "vanish", "delay_ms": 60000, "execute": True}, b"<gone>", True),
]


@pytest.mark.parametrize("what,fault,heard,effect", ODD_ENABLES, ids=[row[0] for row in ODD_ENABLES])
def test_odd_enables(start, what, fault, heard, effect):
    sim = start(modem__refresh="enable")
    target = sim.state()["port"]["target"]
    assert sim.control("fault", **fault)["ok"]
    sim.select()
    os.write(sim.fd, f'AT+CSIM=42,"8101000010{AID_BETA}"\r'.encode())
    got = sim.read(timeout=0.3)
    assert heard in got and (heard or b"OK" not in got)
    assert sim.state()["card"]["enabled"] == (BETA if effect else ALPHA)
    if heard == b"<gone>":
        time.sleep(0.3)
        assert sim.state()["port"]["target"] == "" and not os.path.lexists(sim.link)
        sim.close()
        sim.control("return")
        sim.open()
        assert sim.state()["port"]["target"] not in ("", target)
    if effect:
        sim.wait(iccid=BETA, registration="home")
        if what == "late":
            sim.read(re.compile(rb"9000"))
        sim.read(timeout=0.3)
    assert sim.at("AT+CCID")[-2] == "+CCID: " + (BETA if effect else ALPHA)


def test_sim_lock_and_pin(start):
    sim = start(modem__cme=1, card__profiles__0__network={"sim_lock": True})
    assert sim.at("AT+CPIN?") == ["+CPIN: PH-NET PIN", "OK"]
    assert sim.at("AT+CIMI") == ["+CME ERROR: 5"]
    assert sim.state()["modem"]["registration"] == "idle"
    sim.set("card.profiles.0.network.sim_lock", False)
    sim.wait(registration="home")
    sim.set("modem.cpin", "SIM PIN")
    assert sim.at("AT+CPIN?")[0] == "+CPIN: SIM PIN"
    assert sim.at("AT+CIMI") == ["+CME ERROR: 11"]
    assert sim.state()["modem"]["registration"] == "idle"


def test_no_card(start):
    sim = start(card__present=False, modem__cme=1)
    for line in ("AT+CPIN?", "AT+CIMI", 'AT+CSIM=10,"0070000001"', "AT+CCID"):
        assert sim.at(line) == ["+CME ERROR: 10"], line


def test_card_taken_out_and_put_in(start):
    sim = start()
    sim.wait(data=True)
    sim.set("card.present", False)
    sim.wait(iccid="", registration="idle")
    sim.set("card.present", True)
    sim.wait(iccid=ALPHA, data=True)


def test_manual_operator(start):
    sim = start("guide.json", modem__cops_mode=1)
    sim.wait(registration="home")
    sim.control("switch", iccid=BETA)
    sim.wait(iccid=BETA)
    time.sleep(0.6)
    assert sim.state()["modem"]["registration"] == "searching"
    sim.read(timeout=0.05)
    assert sim.at("AT+COPS=0") == ["OK"]
    sim.wait(registration="home")


READINGS = [
    ({"rsrp": -81, "rsrq": -10}, "AT+CESQ", "+CESQ: 99,99,255,255,20,60"),
    ({"act": 11, "rsrp": -87, "rsrq": -11, "sinr": 15}, "AT+CESQ", "+CESQ: 99,99,255,255,255,255,65,70,77"),
    ({"act": 0, "rssi": -80}, "AT+CESQ", "+CESQ: 31,0,255,255,255,255"),
    ({"rsrp": None, "rsrq": None}, "AT+CESQ", "+CESQ: 99,99,255,255,255,255"),
    ({"rssi": -73}, "AT+CSQ", "+CSQ: 20,99"),
    ({"act": 0}, "AT+CEREG?", "+CEREG: 0,0"),
    ({"act": 11}, "AT+C5GREG?", "+C5GREG: 0,1"),
    ({"registration": "roaming"}, "AT+CREG?", "+CREG: 0,5"),
]


@pytest.mark.parametrize("network,command,line", READINGS)
def test_readings(start, network, command, line):
    sim = start(card__profiles__0__network={"delay_ms": 0, **network}, modem__c5greg=True)
    sim.wait(registration=network.get("registration", "home"))
    assert sim.at(command)[0] == line


# manufacturer, model, command, the line that tells -4 dB, and what tells that nothing is known
SINR = [
    ("Quectel", "EC25", "AT+QCSQ", '+QCSQ: "LTE",-67,-95,80,-10', '+QCSQ: "LTE",-67,-95,255,-10'),
    ("Quectel", "RM500Q-GL", "AT+QSINR", "+QSINR: -4,-32768,-32768,-32768,LTE", "+QSINR: -32768,-32768,-32768,-32768,LTE"),
    ("Sierra Wireless, Incorporated", "EM7455", "AT!GSTATUS?", "SINR (dB):     -4.0", None),
    ("Fibocom Wireless Inc.", "L850-GL", "AT+XCESQ?", "+XCESQ: 0,99,99,255,255,20,46,-8", "+XCESQ: 0,99,99,255,255,20,46,255"),
    ("Fibocom Wireless Inc.", "FM350-GL", "AT+GTCCINFO?", "1,4,262,01,1F00,79D903,672,1E4,103,100,-8,46,46,20", "1,4,262,01,1F00,79D903,672,1E4,103,100,255,46,46,20"),
    ("SIMCOM_Ltd", "SIMCOM_SIM7080G", "AT+CPSI?",
     "+CPSI: LTE CAT-M1,Online,262-01,0x1F00,7985411,257,EUTRAN-BAND20,6350,5,5,-10,-95,-67,8",
     "+CPSI: LTE CAT-M1,Online,262-01,0x1F00,7985411,257,EUTRAN-BAND20,6350,5,5,-10,-95,-67,255"),
]


@pytest.mark.parametrize("manufacturer,model,command,line,unknown", SINR, ids=[s[1] for s in SINR])
def test_the_makers_sinr(start, manufacturer, model, command, line, unknown):
    for sinr, want in ((-4, line), (None, unknown)):
        sim = start(
            modem__manufacturer=manufacturer, modem__model=model,
            card__profiles__0__network={"delay_ms": 0, "sinr": sinr},
        )
        sim.wait(registration="home")
        answer = sim.at(command)
        assert answer[-1] == "OK"
        assert want in answer if want else not [a for a in answer if "SINR" in a]
    sim = start()
    assert sim.at(command) == ["ERROR"]


# ---- quirks ----


def test_cgla(start):
    sim = start()
    assert sim.at(f'AT+CCHO="{LPM}"') == ["+CCHO: 1", "OK"]
    assert sim.at('AT+CGLA=1,10,"8116000012"') == [f'+CGLA: 40,"4C10{EID}9000"', "OK"]
    assert sim.at('AT+CGLA=1,10,"8016000012"') == [f'+CGLA: 40,"4C10{EID}9000"', "OK"]
    assert sim.at("AT+CCHC=1") == ["OK"]
    assert sim.at('AT+CGLA=1,10,"8116000012"')[0] == '+CGLA: 4,"6881"'
    assert sim.at(f'AT+CCHO="{ISDR}"') == ["ERROR"]
    assert sim.state()["card"]["channels"] == []


def test_cgla_only(start):
    sim = start("cgla-only.json")
    assert sim.at('AT+CSIM=10,"0070000001"') == ["ERROR"]
    assert sim.at(f'AT+CCHO="{LPM}"') == ["1", "OK"]
    assert sim.at('AT+CGLA=1,10,"8116000012"') == [f'40,"4C10{EID}9000"', "OK"]
    assert sim.at("AT+CCHC=1") == ["ERROR"]
    assert sim.at('AT+CGLA=1,10,"0070800100"') == ['4,"9000"', "OK"]


def test_cgla_handle(start):
    sim = start("cgla-handle.json")
    assert sim.csim("0070000001") == "019000"
    assert sim.csim(f"01A404000E{LPM}") == "6881"
    assert sim.at(f'AT+CCHO="{LPM}"') == ["+CCHO: 000000000385a7cf", "OK"]
    assert sim.at('AT+CGLA=000000000385a7cf,10,"8216000012"')[0] == '+CGLA: 4,"6881"'
    assert sim.at('AT+CGLA=000000000385a7cf,10,"8016000012"')[0].startswith('+CGLA: 40,"4C10')
    assert sim.at("AT+CCHC=000000000385a7cf") == ["OK"]


def test_quirky_csim(start):
    sim = start("quirky-csim.json")
    assert b"ATE0\r" in sim.raw("ATE0")
    assert sim.at("AT+CSIM=10,0070000001") == ["+CSIM: 4,6700", "OK"]
    assert sim.at("AT+CSIM=10,0070000000") == ["+CSIM: 6,019000", "OK"]
    assert sim.at("AT+CSIM=38,01a404000ea000000815030040030902231003")[-1].startswith("+CME ERROR: ")
    assert sim.at("AT+CSIM=12,0070000000")[-1].startswith("+CME ERROR: ")
    assert sim.at("AT+CSIM=?") == ["ERROR"]
    assert sim.at("AT+CCID")[0] == "+CCID: " + ALPHA
    sim.control("switch", iccid=BETA)
    sim.wait(iccid=BETA)
    sim.read(timeout=0.05)
    assert sim.at("AT+CCID")[0] == f"+CCID: {BETA}F"


def test_answer_forms(start):
    sim = start(modem__ok_first=True, modem__closing_quote=False, modem__lower_hex=True)
    os.write(sim.fd, b'AT+CSIM=10,"0070000001"\r')
    sim.wait(op="open", count=1)
    assert sim.read(re.compile(rb"CSIM: .*\n")) == b'\r\nOK\r\n\r\n+CSIM: 6,"019000\r\n'
    sim.set("modem.supports_chained_fetch", True)
    sim.set("modem.ok_first", False)
    sim.csim(f"01A404000E{LPM}")
    assert sim.csim("81E2910006BF3E035C015A") == f"BF3E125A10{EID}9000"


def test_answers_previous_and_peace(start):
    sim = start(modem__answers_previous_over=60, modem__peace_ms=1500)
    assert sim.csim("0070000001") == "019000"
    os.write(sim.fd, b"AT\r")
    assert sim.read(timeout=0.2) == b""
    time.sleep(1.6)
    assert sim.at('AT+CSIM=62,"' + "0" * 62 + '"') == ['+CSIM: 6,"019000"', "OK"]
    assert sim.counters()["dropped"] == 1


def test_overlaps_are_counted(start):
    sim = start(modem__latency_ms=100)
    os.write(sim.fd, b"AT\rAT+CGMI\r")
    assert b"SIMULATED" in sim.read(re.compile(rb"OK\r\n(.|\s)*OK\r\n"))
    assert sim.counters()["overlaps"] == 1


def test_pace(start):
    sim = start(modem__baud=9600)
    sim.select()
    before = time.monotonic()
    assert len(sim.csim("81180000FF")) == 238
    assert 0.2 < time.monotonic() - before < 20 * SLOW


def test_storm(start):
    sim = start("storm.json")
    sim.select()
    for _ in range(5):
        assert sim.csim("81180000FF") == ROWS[ALPHA] + "9000"


FAULTS = [
    ({"action": "silent"}, b"", True),
    ({"action": "cme", "code": 100}, b"\r\n+CME ERROR: 100\r\n", True),
    ({"action": "error"}, b"\r\nERROR\r\n", True),
    ({"action": "text", "text": "BUSY\n+X: 1"}, b"\r\nBUSY\r\n\r\n+X: 1\r\n", True),
    ({"action": "truncate"}, b"\r\nSIMUL", False),
    ({"action": "late", "delay_ms": 300}, b"\r\nSIMULATED\r\n\r\nOK\r\n", False),
]


@pytest.mark.parametrize("fault,answer,whole", FAULTS, ids=[f[0]["action"] for f in FAULTS])
def test_modem_faults(start, fault, answer, whole):
    sim = start(modem__cme=1)
    assert sim.control("fault", where="modem", match="AT+CGMI", **fault)["ok"]
    os.write(sim.fd, b"AT+CGMI\r")
    got = sim.read(timeout=0.6)
    assert got == answer if whole else got.startswith(answer)
    assert sim.at("AT+CGMI") == ["SIMULATED", "OK"]


def test_late_answer_is_no_overlap(start):
    sim = start()
    sim.control("fault", where="modem", match="AT+CGMI", action="late", delay_ms=1500)
    os.write(sim.fd, b"AT+CGMI\r")
    time.sleep(0.1)
    os.write(sim.fd, b"AT\r")
    assert sim.read(re.compile(rb"SIMULATED\r\n\r\nOK\r\n\r\nOK\r\n"))
    counters = sim.counters()
    assert (counters["overlaps"], counters["after-late"]) == (0, 1)


def test_fault_takes_effect(start):
    sim = start()
    sim.control("fault", where="card", match="enable", sw="6F00", take_effect=True)
    sim.control("fault", where="modem", match="AT+CFUN=4", action="silent", execute=True)
    assert enable(sim) == "6F00"
    assert sim.state()["card"]["enabled"] == BETA
    sim.wait(iccid=BETA)
    os.write(sim.fd, b"AT+CFUN=4\r")
    sim.read(timeout=0.2)
    assert sim.state()["modem"]["cfun"] == 4
    assert sim.control("clear-faults")["ok"]
    assert sim.at("AT+CFUN=4") == ["OK"]


# ---- the port ----


def test_vanish_and_return(start):
    sim = start()
    target = sim.state()["port"]["target"]
    sim.control("vanish", ms=None)
    assert sim.read(re.compile(b"<gone>"))
    assert not os.path.lexists(sim.link) and sim.state()["port"]["target"] == ""
    sim.close()
    sim.control("return")
    sim.open()
    assert sim.state()["port"]["target"] not in ("", target)
    assert os.path.realpath(sim.link) == sim.state()["port"]["target"]
    assert sim.at("AT") == ["OK"]


def test_vanish_on_refresh(start):
    sim = start("vanishing-port.json")
    enable(sim)
    assert sim.read(re.compile(b"<gone>"))
    sim.close()
    sim.open()
    sim.wait(iccid=BETA, registration="home")
    sim.read(timeout=0.05)
    assert sim.at("AT+CCID")[0] == "+CCID: " + BETA


def test_fault_vanish(start):
    sim = start()
    sim.control("fault", where="modem", match="AT+CGMI", action="vanish", delay_ms=200)
    assert sim.raw("AT+CGMI", re.compile(b"<gone>"))
    sim.close()
    sim.open()
    assert sim.at("AT+CGMI") == ["SIMULATED", "OK"]


@pytest.mark.parametrize("command", ["AT+CFUN=1,1", "AT+QPOWD"])
def test_reboot(start, command):
    sim = start(modem__reboot_ms=200, modem__cpin_busy_ms=300)
    sim.at("ATE0")
    sim.at("AT+CMEE=1")
    sim.select()
    assert sim.at(command)[0] == "OK"
    assert sim.read(re.compile(b"<gone>"))
    sim.close()
    sim.open()
    assert sim.read(re.compile(rb"RDY"))
    assert b"AT\r" in sim.raw("AT")
    assert sim.at("AT+CPIN?")[-1] == "ERROR"
    sim.wait(registration="home")
    assert sim.state()["modem"]["cfun"] == 1
    assert sim.csim("8116000012") == "6881"


def test_closing_and_opening_again(start):
    sim = start()
    for _ in range(3):
        sim.at("ATE0")
        sim.wait(open=True)
        sim.close()
        sim.wait(open=False)
        sim.control("urc", text="+LOST: 1")
        sim.open()
        sim.wait(open=True)
        assert sim.at("AT") == ["OK"]
    sim.control("urc", text="+HEARD: 1")
    assert sim.read(re.compile(rb"\r\n\+HEARD: 1\r\n"))
    sim.control("raw", hex="41ff42")
    assert sim.read(re.compile(rb"A\xffB"))


# ---- control and scenario ----


def test_log(start):
    sim = start()
    sim.select("01")
    log = sim.control("log", since=1)["log"]
    assert len(log) == 1
    assert log[0].pop("t_ms") >= 0
    assert log[0] == {
        "n": 2, "at": f'AT+CSIM=38,"01A404000E{LPM}"', "apdu": f"01A404000E{LPM}", "op": "select",
        "channel": 1, "data": "", "sw": "9000", "final": "OK",
    }
    assert sim.counters()["apdu"] == 2
    assert sim.control("reset-counters")["ok"] and sim.counters()["apdu"] == 0


def test_wait(start):
    sim = start()
    answers = []
    waiter = threading.Thread(target=lambda: answers.append(
        sim.control("wait", until={"op": "enable", "count": 1}, timeout_ms=8000)))
    waiter.start()
    time.sleep(0.2)
    assert not answers
    enable(sim)
    waiter.join(5)
    assert answers == [{"ok": True}]
    assert sim.control("wait", until={"op": "enable", "count": 2}, timeout_ms=50) == {
        "ok": False, "error": "timeout"}


ERRORS = [
    ({"cmd": "set", "path": "modem.cism", "value": True}, "modem.cism: unknown key"),
    ({"cmd": "set", "path": "card.profiles.7.pol1", "value": True}, "card.profiles.7.pol1: no such place"),
    ({"cmd": "set", "path": "card.profiles.1.network.registration", "value": "up"},
     "card.profiles.1.network.registration: one of home|roaming|denied|searching|idle|emergency is wanted"),
    ({"cmd": "set", "path": "modem.cme", "value": 3}, "modem.cme: a whole number from 0 to 2 is wanted"),
    ({"cmd": "set", "path": "card.profiles.1.enabled", "value": True}, "card.profiles: two are enabled"),
    ({"cmd": "fault", "where": "card", "match": "eid", "action": "silent"}, "fault.action: unknown key"),
    ({"cmd": "fault", "where": "moon", "match": "eid"}, "where: modem or card"),
    ({"cmd": "fault", "where": "card"}, "fault.match: is needed"),
    ({"cmd": "switch", "iccid": "1"}, "iccid: no such profile"),
    ({"cmd": "raw", "hex": "0"}, "hex is wanted"),
    ({"cmd": "dance"}, "unknown command"),
    ({"dance": 1}, "a JSON object with cmd is wanted"),
]


def test_control_errors(start):
    sim = start()
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(sim.path)
        answers = s.makefile()
        for command, error in ERRORS:
            s.sendall(json.dumps(command).encode() + b"\n")
            assert json.loads(answers.readline()) == {"ok": False, "error": error}, command
        s.sendall(b"garbage\n{}\n")
        assert not json.loads(answers.readline())["ok"]
        assert not json.loads(answers.readline())["ok"]
    assert sim.at("AT") == ["OK"]


SCENARIOS = [
    ('{"card":{"profiles":[{"iccid":"12"}]}}', "card.profiles.0.iccid: 18 to 20 digits are wanted"),
    ('{"card":{"profiles":[{"aid":"00"}]}}', "card.profiles.0.iccid: is needed"),
    ('{"modem":[]}', "modem: an object is wanted"),
    ('{"moden":{}}', "moden: unknown key"),
    ("{", "scenario: no JSON object"),
    ('{"card":{"present":1}}', "card.present: true or false is wanted"),
    ('{"card":{"enable_sw":"9"}}', "card.enable_sw: hex is wanted"),
    ('{"card":{"eid":"8900"}}', "card.eid: 32 digits are wanted"),
]


@pytest.mark.parametrize("text,error", SCENARIOS)
def test_scenario_errors(tmp_path, text, error):
    (tmp_path / "s.json").write_text(text)
    done = subprocess.run([BIN, "--link", tmp_path / "l", "--scenario", tmp_path / "s.json"],
                          capture_output=True, text=True, timeout=10 * SLOW)
    assert done.returncode == 1 and error in done.stderr


def test_all_that_is_wrong_is_told(tmp_path):
    (tmp_path / "s.json").write_text('{"moden":{}}')
    for scenario, error in ((tmp_path / "s.json", "moden"), (tmp_path / "none.json", "No such file")):
        done = subprocess.run([BIN, "--scenario", scenario, "--set", "card.present=1", "--set", "x"],
                              capture_output=True, text=True, timeout=10 * SLOW)
        assert done.returncode == 1
        for word in (error, "card.present: true or false", "--set x: path=JSON", "--link PATH is needed"):
            assert word in done.stderr, done.stderr
    done = subprocess.run([BIN], capture_output=True, text=True, timeout=10 * SLOW)
    assert done.returncode == 2 and "--link" in done.stderr
    done = subprocess.run([BIN, "extra"], capture_output=True, text=True, timeout=10 * SLOW)
    assert done.returncode == 2 and "'extra'" in done.stderr


def send(path, text):
    return subprocess.run([BIN, "--control", path, "--send", text],
                          capture_output=True, text=True, timeout=60 * SLOW)


def test_send(start, tmp_path):
    sim = start()
    done = send(sim.path, '{"cmd":"state"}')
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["card"]["enabled"] == ALPHA and done.stdout.endswith("}\n")
    done = send(sim.path, '{ "cmd": "switch",\n "iccid": "1" }')
    assert done.returncode == 1 and not json.loads(done.stdout)["ok"]
    wait = {"cmd": "wait", "until": {"enabled": BETA}, "timeout_ms": 50}
    done = send(sim.path, json.dumps(wait))
    assert done.returncode == 1 and json.loads(done.stdout)["error"] == "timeout"
    assert send(sim.path, json.dumps({"cmd": "switch", "iccid": BETA})).returncode == 0
    assert send(sim.path, json.dumps(wait)).returncode == 0
    for wrong in ("", "state", "[]", '{"cmd":"state"} x'):
        done = send(sim.path, wrong)
        assert done.returncode == 2 and "JSON object" in done.stderr and not done.stdout, wrong
    done = send(tmp_path / "nobody", '{"cmd":"state"}')
    assert done.returncode == 1 and "No such file" in done.stderr
    done = subprocess.run([BIN, "--send", "{}"], capture_output=True, text=True, timeout=10 * SLOW)
    assert done.returncode == 2 and "--control" in done.stderr
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "dead"))
        dead.listen()
        threading.Thread(target=lambda: dead.accept()[0].close(), daemon=True).start()
        done = send(tmp_path / "dead", '{"cmd":"state"}')
        assert done.returncode == 1 and done.stderr


def test_every_scenario_starts_and_has_words(start):
    for path in sorted((HERE / "scenarios").glob("*.json")):
        assert json.loads(path.read_text())["about"]
        sim = start(path.name)
        sim.at("ATE0")
        time.sleep(0.05)
        assert "OK" in sim.at("AT+CGMM")


def test_help_names_everything():
    text = subprocess.run([BIN, "--help"], capture_output=True, text=True, check=True).stdout
    for word in ("--bearer", "card.profiles.N.network.rsrp", "modem.faults.N.execute", '"cmd":"wait"',
                 "bearer.switch", "card.store_data_needs_le", '"cmd":"raw"'):
        assert word in text, word


def test_quit(tmp_path):
    sim = Sim(tmp_path)
    assert sim.control("quit")["ok"]
    sim.process.wait(5)
    sim.stop()


# ---- the bearer ----


class Echo:
    """A TCP server that sends back what it gets."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        with peer, contextlib.suppress(ConnectionError):
            while data := peer.recv(65536):
                peer.sendall(data)


@pytest.fixture
def echo():
    server = Echo()
    yield server
    server.listener.close()


def relay(start, echo, scenario="guide.json", **sets):
    port = free_port()
    sim = start(scenario, args=["--bearer", f"127.0.0.1:{port}=127.0.0.1:{echo.port}"], **sets)
    sim.wait(data=True)
    return sim, port


def dial(port):
    s = socket.create_connection(("127.0.0.1", port), 5 * SLOW)
    s.settimeout(5 * SLOW)
    return s


def is_silent(s):
    s.settimeout(0.3)
    with pytest.raises(TimeoutError):
        s.recv(1)
    s.settimeout(5 * SLOW)


def wait_for(holds):
    end = time.monotonic() + 5 * SLOW
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def says(s, text):
    s.sendall(text)
    data = b""
    while len(data) < len(text):
        part = s.recv(65536)
        if not part:
            break
        data += part
    return data == text


def test_bearer_carries(start, echo):
    sim, port = relay(start, echo)
    with dial(port) as s:
        assert says(s, b"hello") and says(s, b"x" * 300000)
        assert sim.state()["bearer"]["connections"] == 1
        s.shutdown(socket.SHUT_WR)
        assert s.recv(10) == b""
    wait_for(lambda: sim.state()["bearer"]["connections"] == 0)


def test_bearer_delay(start, echo):
    _, port = relay(start, echo, bearer__delay_ms=150)
    with dial(port) as s:
        before = time.monotonic()
        assert says(s, b"hello")
        assert time.monotonic() - before > 0.29


def test_bearer_closes_at_a_switch(start, echo):
    sim, port = relay(start, echo)
    s = dial(port)
    assert says(s, b"hello")
    sim.control("switch", iccid=BETA)
    with pytest.raises(ConnectionResetError):
        s.recv(1)
    with pytest.raises(ConnectionResetError):
        with dial(port) as refused:
            refused.sendall(b"x")
            refused.recv(1)
    sim.wait(iccid=BETA, data=True)
    with dial(port) as again:
        assert says(again, b"over the new one")


def test_bearer_silent_at_a_switch(start, echo):
    sim, port = relay(start, echo, bearer__switch="silent", bearer__refuse="hang")
    s = dial(port)
    assert says(s, b"hello")
    sim.control("switch", iccid=BETA)
    hanging = dial(port)
    sim.wait(iccid=BETA, data=True)
    for dead in (s, hanging):
        dead.sendall(b"anyone?")
        is_silent(dead)
        dead.close()
    with dial(port) as again:
        assert says(again, b"over the new one")


def test_bearer_holds_over_a_gap(start, echo):
    sim, port = relay(start, echo)
    with dial(port) as s:
        assert says(s, b"hello")
        sim.set("card.profiles.0.network.registration", "searching")
        s.sendall(b"later")
        is_silent(s)
        sim.set("card.profiles.0.network.registration", "home")
        assert s.recv(5) == b"later"


def test_bearer_goes_with_the_port(start, echo):
    sim, port = relay(start, echo)
    s = dial(port)
    assert says(s, b"hello")
    sim.control("vanish")
    with pytest.raises(ConnectionResetError):
        s.recv(1)
    with pytest.raises(ConnectionResetError):
        with dial(port) as refused:
            refused.sendall(b"x")
            refused.recv(1)
    sim.control("return")
    with dial(port) as again:
        assert says(again, b"back")


def test_bearer_goes_with_the_port_in_silence(start, echo):
    sim, port = relay(start, echo, bearer__switch="silent", bearer__refuse="hang")
    s = dial(port)
    assert says(s, b"hello")
    sim.control("vanish")
    hanging = dial(port)
    sim.control("return")
    for dead in (s, hanging):
        dead.sendall(b"anyone?")
        is_silent(dead)
        dead.close()
    with dial(port) as again:
        assert says(again, b"back")


def test_bearer_without_regard_to_the_port(start, echo):
    sim, port = relay(start, echo, bearer__vanish=False)
    with dial(port) as s:
        sim.control("vanish")
        assert says(s, b"hello")
        with dial(port) as another:
            assert says(another, b"hello")


def test_bearer_wants_the_apn(start, echo):
    sim, port = relay(start, echo)
    sim.set("card.profiles.0.network.apn", "iot")
    with pytest.raises(ConnectionResetError):
        with dial(port) as s:
            s.sendall(b"x")
            s.recv(1)
    sim.at('AT+CGDCONT=1,"IP","iot"')
    sim.at("AT+CGATT=0")
    sim.at("AT+CGATT=1")
    with dial(port) as s:
        assert says(s, b"hello")


def test_idle_does_not_spin(start, echo):
    sim, port = relay(start, echo)
    with dial(port):
        time.sleep(0.2)
        before = sum(map(int, Path(f"/proc/{sim.process.pid}/stat").read_text().split()[13:15]))
        time.sleep(1)
        after = sum(map(int, Path(f"/proc/{sim.process.pid}/stat").read_text().split()[13:15]))
    assert after - before < 20
