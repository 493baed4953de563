"""Replenishment: what belongs on the sales floor, what to bring there, and whether it came. Pure."""
