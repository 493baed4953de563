"""Barcode scanners in software: a pseudo terminal that sends what a scanner would, however it is configured."""
