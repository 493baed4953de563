"""Serial ports: opened by pyserial, carried by the event loop, opened again when they come back."""
