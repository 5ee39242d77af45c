#!/usr/bin/python3
"""config/schema.json is a JSON Schema, takes config/example.json, and refuses what the agent does."""

import json
import pathlib
import re
import sys

import jsonschema

CONFIG = pathlib.Path(__file__).resolve().parents[2] / "config"
ICCID = "89882110000001234568"

ACCEPTED = [
    {},
    {"device_id": "gw-1", "api": {"socket": None, "listen": "[::1]:8480"}},
    {"modem": {"reset": {"command": "AT+CFUN=1,1"}, "init": ["ATE0"]}},
    {"modem": {"reset": {"exec": ["/usr/bin/reset", "now"]}}},
    {"probe": {"targets": ["192.0.2.1:443", "[2001:db8::1]:53"]}},
    {"profiles": {ICCID: {"apn": "iot.example", "auth": "pap", "username": "u"}}},
    {"switch": {"hooks": {"before": {"exec": ["/bin/true"]}}, "min_interval_s": 0}},
    {"steering": {"rules": {"weak-signal": {"rsrp_dbm": -118.5}}, "soft_window": "22:00-05:00"}},
]
REFUSED = [
    [],
    {"nonsense": 1},
    {"log": {"level": "error"}},
    {"log": None},
    {"mqtt": {"keepalive_s": 0}},
    {"mqtt": {"keepalive_s": 1.5}},
    {"mqtt": {"keepalive_s": "300"}},
    {"mqtt": {"keepalive_s": 604801}},
    {"mqtt": {"uri": "mqtts://user:password@host"}},
    {"mqtt": {"version": 5}},
    {"mqtt": {"commands": ["reboot"]}},
    {"mqtt": {"topic_prefix": "a/#"}},
    {"modem": {"reset": {"command": "AT", "exec": ["/x"]}}},
    {"modem": {"reset": {"exec": ["relative"]}}},
    {"modem": {"init": ["X"]}},
    {"card": {"aid": "A0000005"}},
    {"probe": {"targets": ["name.example:443"]}},
    {"profiles": {"1234": {}}},
    {"profiles": {ICCID: {"cid": 0}}},
    {"switch": {"hooks": {"before": {"timeout_s": 1}}}},
    {"steering": {"rules": {"no_service": {}}}},
    {"steering": {"soft_window": "24:00-05:00"}},
]


def without_comments(text):
    """Strings as they are, comments gone."""
    token = re.compile(r'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
    return token.sub(lambda m: m.group(1) or " ", text)


def main():
    schema = json.loads((CONFIG / "schema.json").read_text(encoding="utf-8"))
    example = json.loads(without_comments((CONFIG / "example.json").read_text(encoding="utf-8")))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    wrong = [f"example: {e.json_path}: {e.message}" for e in validator.iter_errors(example)]
    wrong += [f"refused: {row}" for row in ACCEPTED if not validator.is_valid(row)]
    wrong += [f"accepted: {row}" for row in REFUSED if validator.is_valid(row)]
    print("\n".join(wrong) or "the schema agrees")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
