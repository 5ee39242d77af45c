#!/usr/bin/python3
"""Asks /healthz again and again, each time on a connection of its own, until its standard input ends;
then prints {"answers": count, "longest_s": of one answer, "failed": [what went wrong, …]}. A process of
its own, so that what a test does with a thousand connections is not measured with it."""

import json
import sys
import threading
import time

sys.dont_write_bytecode = True
import raw_http  # noqa: E402

EVERY_S = 0.05
ASK = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def main(address):
    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    address = int(address) if address.isdigit() else address
    answers, longest, failed = 0, 0.0, []
    print("ready", flush=True)
    while not over.wait(EVERY_S):
        begun = time.monotonic()
        try:
            # A full door ends whoever has been silent the longest. That is this program where it was held up
            # between connecting and asking; it does not happen twice in a row.
            got = raw_http.exchange(address, ASK) or raw_http.exchange(address, ASK)
            if [answer.status for answer in got] != [200]:
                failed.append(repr(got)[:200])
        except Exception as e:  # whatever it is, the test says it
            failed.append(repr(e))
        answers += 1
        longest = max(longest, time.monotonic() - begun)
    print(json.dumps({"answers": answers, "longest_s": longest, "failed": failed[:5]}))


if __name__ == "__main__":
    main(sys.argv[1])
