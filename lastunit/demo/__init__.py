"""`lastunit demo`: two whole stores, their edges, a broker and the gateway, in one process."""
