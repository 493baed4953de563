"""From the broker into the input log: what an edge made durable is committed here before it is acked."""
