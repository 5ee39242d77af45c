"""The example configuration of a broker (mqtt/examples): each gateway has its own topics only, and an
agent works under it."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from harness import BETA, DEVICE, free_port, wait_until

EXAMPLES = Path(__file__).resolve().parents[2] / "mqtt" / "examples"
P = f"esim/v1/{DEVICE}"
OTHER = "dev-2"
PASSWORD = "not a secret"
ENDED = ("succeeded", "failed", "rejected", "expired", "canceled")


def openssl(folder, *args):
    subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True, timeout=60)


def make_certificate(folder, name, ca, subject, extension):
    """`name`.crt and `name`.key, signed by `ca`."""
    (folder / f"{name}.ext").write_text(extension)
    openssl(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", f"/CN={subject}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
    openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.crt", "-CAkey", f"{ca}.key",
            "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.crt")


def make_ca(folder, name):
    openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", "2", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.crt")


class Fleet:
    """The broker of the example files, certificates for two gateways, and who watches."""

    def __init__(self, lab):
        self.lab = lab
        self.folder = lab.folder / "esim"
        self.folder.mkdir()
        make_ca(self.folder, "gateways-ca")
        make_ca(self.folder, "server-ca")
        names = "subjectAltName=DNS:localhost,IP:127.0.0.1\n"
        make_certificate(self.folder, "server", "server-ca", "broker", names)
        for device in (DEVICE, OTHER):
            use = "extendedKeyUsage=clientAuth\n"
            make_certificate(self.folder, device, "gateways-ca", device, use)
        (self.folder / "dashboards.passwd").touch(0o644)
        for user in ("dashboard", "viewer"):
            subprocess.run(
                ["mosquitto_passwd", "-b", self.folder / "dashboards.passwd", user, PASSWORD],
                check=True, capture_output=True, timeout=60,
            )
        for name in ("gateways.acl", "dashboards.acl"):
            shutil.copy(EXAMPLES / name, self.folder)
        self.gateways, self.dashboards = free_port(), free_port()
        # The last listener of the file: when it answers, all do.
        self.broker = lab.broker(conf=self._configuration(), port=self.dashboards)
        self.watch = self.watcher("dashboard")

    def _configuration(self):
        """The example's, but for places and ports."""
        conf = (EXAMPLES / "mosquitto.conf").read_text()
        for written, ours in (
            ("/etc/mosquitto/esim", str(self.folder)),
            ("/var/lib/mosquitto/", f"{self.folder}/"),
            ("listener 8883\n", f"listener {self.gateways} 127.0.0.1\n"),
            ("listener 8884\n", f"listener {self.dashboards} 127.0.0.1\n"),
        ):
            assert written in conf
            conf = conf.replace(written, ours)
        return f"user root\nlog_type all\n{conf}"

    def watcher(self, user):
        def setup(client):
            client.tls_set(str(self.folder / "server-ca.crt"), tls_version=ssl.PROTOCOL_TLS_CLIENT)
            client.username_pw_set(user, PASSWORD)

        return self.lab.watcher(self.broker, setup=setup)

    def as_gateway(self, device, topic="#", client_id=None):
        """A client with a gateway's certificate."""

        def setup(client):
            files = [str(self.folder / f) for f in ("server-ca.crt", f"{device}.crt", f"{device}.key")]
            client.tls_set(*files, tls_version=ssl.PROTOCOL_TLS_CLIENT)

        return self.lab.watcher(self.broker, topic, self.gateways, client_id=client_id, setup=setup)

    def publish(self, topic, *who, payload="{}"):
        """What mosquitto_pub says of it; "" where the broker took it."""
        ran = subprocess.run(
            ["mosquitto_pub", "-V", "5", "-q", "1", "-h", "127.0.0.1", "-t", topic, "-m", payload,
             "--cafile", self.folder / "server-ca.crt", *who],
            capture_output=True, text=True, timeout=60,
        )
        return ran.stdout + ran.stderr

    def user(self, name, password=PASSWORD):
        return ["-p", str(self.dashboards), "-u", name, "-P", password]

    def gateway(self, device):
        return ["-p", str(self.gateways), "--cert", self.folder / f"{device}.crt",
                "--key", self.folder / f"{device}.key"]

    def agent(self, sim, port, **config):
        """It has dev-1's certificate."""
        return self.lab.agent(sim, mqtt_port=port, config={
            "mqtt.uri": f"mqtts://localhost:{port}",
            "mqtt.ca_file": str(self.folder / "server-ca.crt"),
            "mqtt.cert_file": str(self.folder / f"{DEVICE}.crt"),
            "mqtt.key_file": str(self.folder / f"{DEVICE}.key"),
            **config,
        })

    def wait_health(self, online, session_over=0):
        return self.watch.wait_for(
            lambda m: m.topic == f"{P}/status/health" and m.payload["online"] is online
            and m.payload["session"] > session_over,
            60, f"online {online}",
        ).payload


@pytest.fixture
def fleet(lab):
    return Fleet(lab)


def refused(said):
    return "not authorized" in said.lower()


def test_an_agent_works_under_it(lab, fleet):
    """Reads, a switch that moves the link, its outcome, and the will: nothing of it is refused."""
    bearer = free_port()
    sim = lab.sim(None, {}, [(bearer, fleet.gateways)])
    agent = fleet.agent(sim, bearer, **{"mqtt.will_delay_s": 0})
    agent.wait_ready()
    session = fleet.wait_health(True)["session"]
    for topic in ("info", "twin/esim", "twin/connectivity"):
        fleet.watch.wait_for(f"{P}/{topic}")
    fleet.watch.publish(f"{P}/cmd/get-eid/r1/req", {}, ResponseTopic=f"{P}/answer/test",
                        CorrelationData=b"7")
    answer = fleet.watch.wait_for(f"{P}/answer/test")
    assert answer.payload["state"] == "succeeded" and answer.properties.CorrelationData == b"7"
    fleet.watch.publish(f"{P}/cmd/enable-profile/s1/req", {"iccid": BETA})
    end = fleet.watch.wait_for(
        lambda m: m.topic == f"{P}/cmd/enable-profile/s1/status" and m.payload["state"] in ENDED, 120
    ).payload
    assert end["state"] == "succeeded" and end["result"]["verified"] == "broker"
    assert fleet.watch.wait_for(f"{P}/e/switch").payload["id"] == end["id"]
    assert fleet.watch.wait_for(f"{P}/twin/operations")
    fleet.wait_health(True, session)  # the link that was made over the new profile
    fleet.watch.publish(f"{P}/cmd/enable-profile/s1/cancel")
    late = fleet.watch.wait_for(
        lambda m: m.topic == f"{P}/cmd/enable-profile/s1/status" and m.payload["state"] == "rejected"
    )
    assert late.payload["error"]["code"] == "too-late"
    assert f" as {DEVICE} (" in fleet.broker.stderr()  # the certificate's name, not lpm-dev-1
    fleet.watch.clear()
    agent.kill()
    fleet.wait_health(False)
    assert not [m for m in fleet.watch.all(f"{P}/e/journal") if m.payload["what"] == "refused"]
    assert "Denied PUBLISH" not in fleet.broker.stderr()


def test_a_gateway_has_its_own_topics_only(fleet):
    spy = fleet.as_gateway(OTHER)  # subscribes to #
    spy.client.subscribe([(f"{P}/cmd/#", 1), (f"{P}/#", 1)])
    for device in (DEVICE, OTHER):
        for topic in ("cmd/get-eid/c1/req", "cmd/enable-profile/c1/cancel"):
            said = fleet.publish(f"esim/v1/{device}/{topic}", *fleet.user("dashboard"))
            assert not said, said
    spy.wait_for(f"esim/v1/{OTHER}/cmd/enable-profile/c1/cancel")  # the last that was sent
    assert {m.topic for m in spy.all()} == {
        f"esim/v1/{OTHER}/cmd/get-eid/c1/req",
        f"esim/v1/{OTHER}/cmd/enable-profile/c1/cancel",
    }
    spy.close()  # there is one of each name
    fleet.watch.clear()
    for tail in ("status/health", "info", "twin/esim", "e/switch", "m/connectivity", "answer/x",
                 "cmd/get-eid/c1/status", "cmd/get-eid/c1/req"):
        said = fleet.publish(f"{P}/{tail}", *fleet.gateway(OTHER), payload="forged")
        assert refused(said), (tail, said)
    for tail in ("cmd/get-eid/c1/req", "cmd/enable-profile/c1/confirm", "else"):
        said = fleet.publish(f"esim/v1/{OTHER}/{tail}", *fleet.gateway(OTHER), payload="forged")
        assert refused(said), (tail, said)
    for tail in ("status/health", "info", "twin/esim", "e/switch", "m/connectivity", "answer/x",
                 "cmd/get-eid/c1/status"):
        said = fleet.publish(f"esim/v1/{OTHER}/{tail}", *fleet.gateway(OTHER), payload="own")
        assert not said, (tail, said)
    fleet.watch.wait_for(f"esim/v1/{OTHER}/cmd/get-eid/c1/status")
    assert "forged" not in [m.payload for m in fleet.watch.all()]


def test_a_gateway_cannot_take_anothers_place(fleet):
    """Neither by the client id of the other's agent nor by its name: the other stays connected, and
    what waits in its session stays its own."""
    one = fleet.as_gateway(DEVICE, f"{P}/cmd/#", f"lpm-{DEVICE}")
    for client_id in (f"lpm-{DEVICE}", DEVICE):
        spy = fleet.as_gateway(OTHER, f"{P}/cmd/#", client_id)
        fleet.watch.publish(f"{P}/cmd/get-eid/{client_id}/req", {})
        one.wait_for(f"{P}/cmd/get-eid/{client_id}/req")
        assert not spy.all()
        spy.close()
    assert fleet.broker.stderr().count(f" as {DEVICE} (") == 1  # it never had to come back


def test_who_watches_and_who_commands(fleet):
    viewer = fleet.watcher("viewer")
    for tail in ("cmd/get-eid/v1/req", "cmd/enable-profile/v1/cancel", "status/health", "twin/esim"):
        said = fleet.publish(f"{P}/{tail}", *fleet.user("viewer"), payload="a viewer's")
        assert refused(said), (tail, said)
    for tail in ("status/health", "e/switch", "cmd/get-eid/v1/status", "answer/x"):
        said = fleet.publish(f"{P}/{tail}", *fleet.user("dashboard"), payload="a dashboard's")
        assert refused(said), (tail, said)
    for tail in ("cmd/get-eid/d1/req", "cmd/enable-profile/d1/cancel", "cmd/enable-profile/d1/confirm"):
        said = fleet.publish(f"{P}/{tail}", *fleet.user("dashboard"))
        assert not said, (tail, said)
        viewer.wait_for(f"{P}/{tail}")
    assert not fleet.publish(f"{P}/status/health", *fleet.gateway(DEVICE), payload="own")
    viewer.wait_for(f"{P}/status/health")
    assert not [m for m in viewer.all() if "'s" in str(m.payload)]


def test_nobody_else_gets_in(fleet):
    ca = ["-p", str(fleet.gateways)]
    assert fleet.publish(f"{P}/info", *ca), "no certificate"
    assert fleet.publish(f"{P}/info", *ca, "-u", "dashboard", "-P", PASSWORD), "a user, no certificate"
    anyone = ["-p", str(fleet.dashboards)]
    assert refused(fleet.publish(f"{P}/cmd/get-eid/n1/req", *anyone))
    assert refused(fleet.publish(f"{P}/cmd/get-eid/n1/req", *fleet.user("dashboard", "guessed")))
    assert refused(fleet.publish(f"{P}/cmd/get-eid/n1/req", *fleet.user(DEVICE, "")))
    make_ca(fleet.folder, "another-ca")
    make_certificate(fleet.folder, "forged", "another-ca", DEVICE, "extendedKeyUsage=clientAuth\n")
    assert fleet.publish(f"{P}/info", *fleet.gateway("forged")), "another CA's certificate"
    wait_until(lambda: "certificate verify failed" in fleet.broker.stderr(), what="the broker says why")
    assert not fleet.watch.all()
