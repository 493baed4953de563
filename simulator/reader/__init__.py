"""A software reader: LLRP as Impinj and Zebra readers speak it, over TCP.

`machine` is the reader (bytes and time in, bytes out), `server` puts it on a socket, `store_feed` lets a simulated
store be seen through it, `live_store` runs all readers of a site. `faults` makes them misbehave on demand.
"""
