"""The same playbooks run by ansible-core and by us on twin hosts, and everything compared."""
