"""What this package refuses: always something that a person must mend."""

from wire.errors import Problem


class ProfileError(ValueError):
    """A profile that cannot be used: a person must mend the file (or the site file that names it)."""


class ProfileFileError(ProfileError):
    """A profile's file with things to mend; `problems` names the line, the key and what may stand there."""

    def __init__(self, file: str, problems: tuple[Problem, ...]) -> None:
        self.file = file
        self.problems = problems
        super().__init__("\n".join(f"{file}: {_placed(problem)}" for problem in problems))


def _placed(problem: Problem) -> str:
    """Return a problem without a line where there is none: a table that travels has no lines."""
    if problem.line:
        return str(problem)
    return f"{problem.key}: {problem.message}" if problem.key else problem.message
