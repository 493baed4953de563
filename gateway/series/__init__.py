"""Time series: what the gateway knows, as points over time. The catalogue of them is `wire.measurements`."""
