"""Errors of the simulator: the caller asked for something that this store does not have or cannot do."""


class StoreError(ValueError):
    """Root of what the simulated store refuses; the message says the value, what was expected and where."""


class UnknownDeviceError(StoreError):
    """A device that the site file does not name, or that has no antennas."""


class UnknownPortError(StoreError):
    """A port that the device does not have."""


class WrongSecondError(StoreError):
    """`step` was asked for another second than the next one: store life has no gaps and never goes back."""


class CatalogueError(StoreError):
    """A catalogue that cannot be made: the company prefixes leave no room, or are not prefixes."""
