"""Holds an MQTT message against mqtt/asyncapi.json.

    contract = Contract()
    for wrong in contract.problems("esim/v1/gw-1", topic, payload, retain=False, qos=1):
        print(wrong)

Knows what the document says by its channels, operations, bindings, schemas and the extensions that its
`info.description` lists. Debian's python3-jsonschema and nothing else.
"""

import json
import re
from pathlib import Path

import jsonschema

DOCUMENT = Path(__file__).resolve().parents[2] / "mqtt" / "asyncapi.json"
BASE = "{topic_prefix}/{device_id}"
# Of the document's application, the agent.
OUT, IN = "send", "receive"


def load(path=DOCUMENT):
    return json.loads(Path(path).read_text(encoding="utf-8"))


def pointer(document, ref):
    """What "#/a/b" names. KeyError: nothing."""
    if not ref.startswith("#/"):
        raise KeyError(f"not of this document: {ref}")
    at = document
    for name in ref[2:].split("/"):
        name = name.replace("~1", "/").replace("~0", "~")
        at = at[int(name)] if isinstance(at, list) else at[name]
    return at


def resolved(document, node, known=None):
    """The node with what its references name in their places. RecursionError: one names itself."""
    known = {} if known is None else known
    if isinstance(node, list):
        return [resolved(document, item, known) for item in node]
    if not isinstance(node, dict):
        return node
    ref = node.get("$ref")
    if ref is None:
        return {name: resolved(document, item, known) for name, item in node.items()}
    if ref not in known:
        known[ref] = resolved(document, pointer(document, ref), known)
    return known[ref]


class Refused(ValueError):
    pass


def _unique(pairs):
    if len({name for name, _ in pairs}) < len(pairs):
        raise Refused("a name is there twice")
    return dict(pairs)


def _no_constant(text):
    raise Refused(f"{text} is no JSON")


def parse(payload):
    """ValueError: no JSON, as strictly as the agent reads it."""
    return json.loads(payload, object_pairs_hook=_unique, parse_constant=_no_constant)


class MessageType:
    """One message of the document."""

    def __init__(self, name, message):
        self.name = name
        self.max_bytes = message.get("x-max-bytes")
        self.columns = message.get("x-columns")
        self.may_be_empty = message.get("x-may-be-empty", False)
        self.examples = message.get("examples", [])
        self.validator = jsonschema.Draft7Validator(message["payload"])

    def errors(self, payload):
        """What is wrong with a payload (bytes); [] nothing."""
        if not payload and self.may_be_empty:
            return []
        try:
            value = parse(payload)
        except ValueError as e:
            return [f"$: no JSON: {e}"]
        wrong = [f"{e.json_path}: {e.message}" for e in self._schema_errors(value)]
        if self.max_bytes and len(payload) > self.max_bytes:
            wrong.append(f"$: {len(payload)} bytes, more than {self.max_bytes}")
        if self.columns and not wrong:
            wrong += self._column_errors(value)
        return wrong

    def _schema_errors(self, value):
        """Where one of several had to fit, the errors of the one that fits best."""
        for error in self.validator.iter_errors(value):
            yield jsonschema.exceptions.best_match([error]) if error.context else error

    def _column_errors(self, value):
        rows = value[self.columns]
        wrong = [
            f"$.{name}: {len(column)} rows, {self.columns} has {len(rows)}"
            for name, column in value.items()
            if isinstance(column, list) and len(column) != len(rows)
        ]
        if rows != sorted(set(rows)):
            wrong.append(f"$.{self.columns}: does not rise")
        return wrong


class Channel:
    def __init__(self, name, channel):
        self.name = name
        self.operations = []
        self.pattern = None
        if channel["address"] is not None:
            rest = channel["address"].removeprefix(BASE + "/")
            self.pattern = re.compile(self._pattern(rest, channel["parameters"]))

    @staticmethod
    def _pattern(rest, parameters):
        parts = re.split(r"\{(\w+)\}", rest)
        for i in range(1, len(parts), 2):
            parts[i] = f"(?:{parameters[parts[i]].get('x-pattern', '[^/]+')})"
        parts[::2] = map(re.escape, parts[::2])
        return "".join(parts)


class Operation:
    def __init__(self, document, name, operation):
        bindings = operation["bindings"]["mqtt"]
        self.name = name
        self.action = operation["action"]
        self.qos, self.retain = bindings["qos"], bindings["retain"]
        # A message's own name: what refers to the channel's refers to the component.
        self.messages = []
        for reference in operation["messages"]:
            message = pointer(document, reference["$ref"])
            message = pointer(document, message["$ref"])
            self.messages.append(MessageType(message["name"], resolved(document, message)))


class Contract:
    def __init__(self, document=None):
        document = document or load()
        self._ok = set()
        self.channels = {}
        for name, channel in document["channels"].items():
            self.channels[name] = Channel(name, resolved(document, channel))
        for name, operation in document["operations"].items():
            channel = self.channels[operation["channel"]["$ref"].removeprefix("#/channels/")]
            channel.operations.append(Operation(document, name, operation))

    def channel_of(self, base, topic):
        """None: the document has none. The channel without an address is found by its name only."""
        if not topic.startswith(base + "/"):
            return None
        rest = topic[len(base) + 1 :]
        found = [c for c in self.channels.values() if c.pattern and c.pattern.fullmatch(rest)]
        assert len(found) <= 1, f"{topic} is of several channels: {[c.name for c in found]}"
        return found[0] if found else None

    def problems(self, base, topic, payload, retain, qos, direction=OUT, max_qos=2, retains=True):
        """What is wrong with a message, as texts. `base`: the device's, None: it is a response.
        `max_qos`, `retains`: what the broker can do, where that is less than all."""
        channel = self.channels["response"] if base is None else self.channel_of(base, topic)
        if not channel:
            return ["no channel of the document has such a topic"]
        operation = next((o for o in channel.operations if o.action == direction), None)
        if not operation:
            return [f"channel {channel.name}: the agent does not {direction} there"]
        wrong = []
        if retain != (operation.retain and retains):
            wrong.append(f"operation {operation.name}: retained is {retain}")
        if qos != min(operation.qos, max_qos):
            wrong.append(f"operation {operation.name}: QoS is {qos}")
        return wrong + self._payload_problems(channel, operation, payload)

    def _payload_problems(self, channel, operation, payload):
        """The same words again are as good as they were."""
        key = (channel.name, operation.action, bytes(payload))
        if key in self._ok:
            return []
        tried = [(message.name, message.errors(payload)) for message in operation.messages]
        if any(not errors for _, errors in tried):
            self._ok.add(key)
            return []
        name, errors = min(tried, key=lambda row: len(row[1]))
        return [f"message {name}: {error}" for error in errors]
