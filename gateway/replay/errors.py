"""What a person has to mend before a replay can run."""

from wire.errors import WireError


class ReplayError(WireError):
    """A file that cannot be replayed as it is: the text names the file's part and the mend."""

    code = "replay"
