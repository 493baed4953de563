"""A chain of stores in compressed time: shoppers, orders, staff and goods by the minute, without radio."""
