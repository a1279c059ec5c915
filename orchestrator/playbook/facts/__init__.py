"""What a host is like: Ansible's facts, read by a shell program."""
