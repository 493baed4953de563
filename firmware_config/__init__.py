"""What each device should be: profiles as data, rendered through a device's capabilities."""
