"""--check-config, and what happens to a configuration that is wrong."""

import json
import os
import subprocess
from pathlib import Path

import harness

ROOT = Path(__file__).resolve().parent.parent.parent


def check(path, env=None):
    return subprocess.run(
        [harness.binary("lpm-agent"), "--config", str(path), "--check-config"],
        capture_output=True,
        text=True,
        timeout=60 * harness.SLOW,
        # A bare system has no machine-id to make a name from.
        env={**os.environ, "LPM_AGENT__DEVICE_ID": "d", **(env or {})},
    )


def write(lab, text):
    path = lab.folder / "config.json"
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    return path


def test_the_example_is_valid():
    done = check(ROOT / "config" / "example.json")
    # The example names files of a gateway and sets keys whose function comes later; nothing else
    # may be wrong with it.
    problems = [
        p for p in done.stderr.splitlines() if "_file" not in p and "no effect in this version" not in p
    ]
    assert not problems, done.stderr


def test_defaults_are_shown(lab):
    done = check(write(lab, {"device_id": "d"}))
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert shown["modem"]["baud"] == 115200 and shown["mqtt"]["keepalive_s"] == 300
    assert shown["switch"]["register_s"] == 300 and shown["mqtt"]["client_id"] == "lpm-d"


def test_all_problems_come_at_once_with_their_paths(lab):
    done = check(
        write(
            lab,
            '{"modem":{"bauds":1,"baud":"fast"},"mqtt":{"keepalive_s":0},"switch":{"verify":"maybe"},'
            '"nothing":1 /* a comment */}',
        )
    )
    assert done.returncode == 78
    for path in ("modem.bauds", "modem.baud:", "mqtt.keepalive_s", "switch.verify", "nothing"):
        assert path in done.stderr, done.stderr


def test_the_file_is_named_once(lab):
    path = write(lab, '{\n  "mqtt": tcp }')
    assert check(path).stderr == f"lpm-agent: {path}: JSON, line 2, column 11: a value expected\n"
    missing = lab.folder / "missing.json"
    assert check(missing).stderr.count("missing.json") == 1
    assert check(lab.folder).stderr.count(str(lab.folder)) == 1


def test_keys_without_effect_are_told(lab):
    done = check(
        write(
            lab,
            {
                "device_id": "d",
                "steering": {"mode": "on"},
                "telemetry": {"record": "/r"},
                "profiles": {"89882110000001234568": {"apn": "iot", "label": "L"}},
            },
        )
    )
    assert done.returncode == 0 and json.loads(done.stdout)["steering"]["mode"] == "on"
    told = [line.split(": ")[2] for line in done.stderr.splitlines()]
    assert told == ["steering.mode"], done.stderr


def test_the_state_folder_is_made(lab):
    sim = lab.sim()
    state = lab.folder / "made"
    agent = lab.agent(sim, config={"state_dir": str(state), "steering.mode": "on"})
    agent.wait_ready()
    assert state.stat().st_mode & 0o777 == 0o700
    text = agent.stderr()
    assert "key=steering.mode" in text and "key=state_dir" not in text
    agent.stop()


def test_a_state_folder_that_cannot_be(lab):
    sim = lab.sim()
    (lab.folder / "file").write_text("")
    for state in (lab.folder / "file", lab.folder / "no" / "such"):
        agent = lab.agent(sim, config={"state_dir": str(state)})
        agent.wait_ready()
        assert "key=state_dir" in agent.stderr() and f"path={state}" in agent.stderr()
        agent.stop()


def test_the_environment_overrides(lab):
    path = write(lab, {"modem": {"port": "/dev/ttyUSB2"}})
    done = check(path, {"LPM_AGENT__MODEM__PORT": "/dev/ttyUSB9", "LPM_AGENT__MQTT__KEEPALIVE_S": "60"})
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert shown["modem"]["port"] == "/dev/ttyUSB9" and shown["mqtt"]["keepalive_s"] == 60
    assert check(path, {"LPM_AGENT__MODEM__NOPE": "1"}).returncode == 78


def test_a_wrong_configuration_does_not_start(lab):
    for text in ("", "{", "[]", '{"a":1}'):
        path = write(lab, text)
        done = subprocess.run(
            [harness.binary("lpm-agent"), "--config", str(path)],
            capture_output=True,
            timeout=60 * harness.SLOW,
        )
        assert done.returncode == 78 and done.stderr, text
    assert check(lab.folder / "missing.json").returncode == 78


def test_options():
    run = lambda *args: subprocess.run(
        [harness.binary("lpm-agent"), *args], capture_output=True, text=True, timeout=60
    )
    assert run("--help").returncode == 0 and "--check-config" in run("--help").stdout
    assert run("--version").stdout.startswith("lpm-agent ")
    assert run("--nonsense").returncode == 2 and run("extra").returncode == 2
