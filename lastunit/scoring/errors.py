"""What a person has to mend before a score can be given."""


class ScoreError(ValueError):
    """A case or an estimate that cannot be scored: the message names the place and the mend."""
