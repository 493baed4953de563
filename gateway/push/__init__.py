"""Every change, pushed to whoever wants it: rendered for a channel, sent to addresses, retained on the broker."""
