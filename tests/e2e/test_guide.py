"""api/README.md: whoever copies its commands gets what it says."""

import re
import subprocess
from pathlib import Path

import harness
from harness import ALPHA, free_port

GUIDE = Path(__file__).resolve().parents[2] / "api" / "README.md"
# Of commands that come too early or too late here, and say so.
MET = {"too-late", "switch-in-progress"}


def commands(socket, port):
    """All but those for containers, with this test's doors in the place of the guide's."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    text = "\n".join(block for block in blocks if "docker" not in block)
    assert "/run/lpm-agent/api.sock" in text and "127.0.0.1:8480" in text
    text = text.replace("/run/lpm-agent/api.sock", socket).replace("127.0.0.1:8480", f"127.0.0.1:{port}")
    # Events do not end.
    return text.replace("curl -sSN", "timeout 8 curl -sSN")


def test_the_commands_of_the_guide(lab):
    sim = lab.sim(None, {"modem.refresh": "enable"})
    port = free_port()
    agent = lab.agent(sim, config={"api.listen": f"127.0.0.1:{port}"})
    agent.wait_ready()
    done = subprocess.run(
        ["bash", "-uc", "TOKEN=x last_id=0-1\n" + commands(agent.socket, port)],
        capture_output=True,
        text=True,
        timeout=120 * harness.SLOW,
    )
    assert not done.stderr, done.stderr
    assert set(re.findall(r"/problems/([a-z-]+)", re.sub(r'(?s)\{\n  "openapi".*?\n\}\n', "", done.stdout))) <= MET
    for said in ('"valid":true', "ETag: ", '"samples":', '"mode":"off"', '"status":"ready"', '"would":',
                 '"state":"succeeded"', '"holder":"field-team"', "retry: 3000", "event: reset"):
        assert said in done.stdout, said
    first, second = agent.http("GET", "/v1/operations")[2]["operations"][::-1]
    assert first["source"]["request"] == "monday-1" and second["args"] == {"iccid": ALPHA}
    agent.wait_operation(second["id"])
    assert agent.http("GET", "/v1/locks/switch")[0] == 404
