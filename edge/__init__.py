"""Runs in the store: drivers -> filter -> window -> outbox -> MQTT."""
