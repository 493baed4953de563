"""UHF modules on a serial port: ThingMagic M6e, Chafon UHFReader18/288. Pure: bytes and time in, bytes and news out."""
