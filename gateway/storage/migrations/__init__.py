"""Migrations of the gateway's tables, packaged so that a gateway can bring its own database up to date."""
