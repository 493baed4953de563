"""sllurp as a daemon would use it: one client for each reader, tags counted. `python -m bench._sllurp_client PORT ...`

Ends with its standard input.
"""

import os
import sys
import warnings
from importlib import import_module
from typing import Any


def main(ports: list[int]) -> None:
    warnings.simplefilter("ignore", DeprecationWarning)
    peer: Any = import_module("sllurp.llrp")
    taken = 0

    def on_tags(_reader: object, tags: list[object]) -> None:
        nonlocal taken
        taken += len(tags)

    clients = []
    for port in ports:
        settings = {"report_every_n_tags": 1, "antennas": [1, 2, 3, 4]}
        client = peer.LLRPReaderClient("127.0.0.1", port, peer.LLRPReaderConfig(settings))
        client.add_tag_report_callback(on_tags)
        client.connect()
        clients.append(client)
    print(len(clients), "connected", flush=True)
    sys.stdin.read()
    print(taken, flush=True)
    os._exit(0)  # its threads would wait for readers that are gone


if __name__ == "__main__":
    main([int(port) for port in sys.argv[1:]])
