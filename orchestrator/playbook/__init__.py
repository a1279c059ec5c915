"""Playbooks in Ansible's YAML, run over the connection pool."""
