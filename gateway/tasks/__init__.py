"""What people in a store are asked to do: find, pick, pack, hand over, put back, refill, check."""
