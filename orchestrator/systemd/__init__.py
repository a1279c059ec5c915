"""The program as a service of systemd: what its unit says, and what it tells systemd while it runs."""
