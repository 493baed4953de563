"""The subcommands of `lastunit`, one module each."""
