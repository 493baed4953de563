"""The fleet: which profile each device should run, what it runs, and how a change reaches all of them safely."""
