"""`python -m lastunit`: the same as the `lastunit` command."""

from lastunit.cli import main

if __name__ == "__main__":
    main()
