"""Keys of the HTTP side: their form, what each may do, how fast, and where they are kept."""
