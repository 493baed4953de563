"""What the devices of this edge should be: taken from the gateway, kept on the disk, applied, read back, reported."""
