"""Pairing: how a device in a store becomes a store screen by a short code."""
