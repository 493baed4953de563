"""The way from the edge to the gateway: a port, MQTT behind it, and an in-memory twin."""
