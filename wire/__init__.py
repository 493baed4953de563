"""What edge and gateway say to each other. Pure: no IO, no clock, no randomness."""
