"""Last Unit: which item, in which size, is where in every store, right now."""

__version__ = "0.1.0"
