"""Backup and restore of what a gateway knows: its database, and the site files and models that it was told."""
