"""Readers that speak JSON: Impinj's IoT device interface and Zebra's IoT Connector.

Pure: `objects` (bytes to objects), `impinj` and `zebra` (objects to events), `impinj_preset` and `zebra_mode` (what the
reader is asked to do), `numbering` (lost events), `taker` (events to what the edge daemon wants). Thin adapters:
`impinj_rest` (HTTP), `broker` (MQTT), `driver` (one supervised task). The drivers are `edge.drivers.impinj_iot` and
`edge.drivers.zebra_iotc`.
"""
