"""Feeds: all rows of stock as files that other systems fetch."""
