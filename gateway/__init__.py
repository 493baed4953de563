"""Runs anywhere: ingest -> presence -> ledger -> availability."""
