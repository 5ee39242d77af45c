"""Certificates for a broker and its clients, made anew for each run with Debian's openssl."""

import subprocess
from pathlib import Path

DAYS = "2"


class Pki:
    """In a folder: a root; the broker's certificate with the intermediate that signed it, as public
    and company brokers have; one client's certificate. `keys`: "rsa" (2048 bits) or "ec" (P-256)."""

    def __init__(self, folder, keys="rsa"):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._keys = ["rsa:2048"] if keys == "rsa" else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        authority = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"]
        # Not the system's: it would add extensions of its own.
        self._config = self.folder / "openssl.cnf"
        self._config.write_text("[req]\ndistinguished_name = dn\n[dn]\n")
        self._make("root", "/O=Example Fleet/CN=Example Root CA", authority)
        self._make("middle", "/O=Example Fleet/CN=Example Device CA 1", authority, by="root")
        names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
        self._make("broker", "/CN=localhost", [names, "extendedKeyUsage=serverAuth"], by="middle")
        self._make("client", "/O=Example Fleet/CN=gw-1", ["extendedKeyUsage=clientAuth"], by="root")
        chain = self.path("broker").read_text() + self.path("middle").read_text()
        (self.folder / "chain.pem").write_text(chain)

    def path(self, name, what="pem"):
        return self.folder / f"{name}.{what}"

    def _make(self, name, subject, extensions, by=None):
        args = ["openssl", "req", "-config", self._config, "-x509", "-newkey", *self._keys, "-noenc", "-subj", subject]
        args += ["-keyout", self.path(name, "key"), "-out", self.path(name), "-days", DAYS]
        for extension in extensions:
            args += ["-addext", extension]
        if by:
            args += ["-CA", self.path(by), "-CAkey", self.path(by, "key")]
        subprocess.run(args, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)

    def listener(self, port):
        """Lines of mosquitto's configuration: a listener that asks for a certificate."""
        return (
            f"listener {port} 127.0.0.1\nallow_anonymous true\nrequire_certificate true\n"
            f"cafile {self.path('root')}\ncertfile {self.path('chain')}\n"
            f"keyfile {self.path('broker', 'key')}\n"
        )

    def keys(self):
        """The agent's keys for it."""
        return {
            "mqtt.ca_file": str(self.path("root")),
            "mqtt.cert_file": str(self.path("client")),
            "mqtt.key_file": str(self.path("client", "key")),
        }
