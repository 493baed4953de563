"""Key figures: what a person looks at first, from the embedded time series."""
