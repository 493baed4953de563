"""Software UHF modules on a pseudo-terminal: ThingMagic M6e, Chafon UHFReader18/288.

`thingmagic` and `chafon` are the modules (bytes and time in, bytes out); `pty_line` puts one on a serial port that can
be unplugged. Written from the makers' documents, on their own: they share no code with the edge's drivers, so that an
error of one side is seen by the other.
"""
