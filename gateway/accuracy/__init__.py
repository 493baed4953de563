"""How right the figures of a site are, and what to do where they differ from the book or a count. Pure."""
