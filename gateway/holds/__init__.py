"""Reservations: units that are kept for one buyer, from the cart until they are handed over."""
