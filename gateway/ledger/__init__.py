"""The stock ledger: append-only movements, and the counts that follow from them."""
