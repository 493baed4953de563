"""Presence as a fold: the same input log gives the same items, places and movements, byte for byte."""
