"""From the files of a survey to a sensor model: the truth file, the walk, and what is printed."""
