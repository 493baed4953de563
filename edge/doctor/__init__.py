"""`lastunit edge doctor`: looks at everything that an edge needs, and says in plain words what to do."""
