"""A store in software: readers that speak real LLRP over TCP, shoppers, and the ground truth."""
