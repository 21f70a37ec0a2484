"""The inbox: files and objects that become jobs by lying there."""
