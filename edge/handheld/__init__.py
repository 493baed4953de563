"""Cycle counts of handhelds as files: what an export says, and the folder that it is put into."""
