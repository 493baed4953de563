"""How good an estimate of zones is, against the truth. Pure: rows and columns in, figures out."""
