"""Emulated readers that speak JSON: an Impinj R700 in its IoT device interface, a Zebra FX9600 with its IoT Connector.

They speak over real HTTP and to a real MQTT broker, with the habits of the real ones: what their events carry by their
configuration, keep-alives, numbers, glued objects, buffers that overflow.
"""
