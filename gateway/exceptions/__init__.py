"""What is wrong with stock: found, told with its evidence, seen by a person, and cleared when its cause is gone."""
