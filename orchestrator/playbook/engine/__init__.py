"""What plays a playbook: where each host stands, what its variables are, and how one task is done on one host."""
