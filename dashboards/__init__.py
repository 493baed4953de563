"""Grafana boards, alert rules and provisioning, as code."""
