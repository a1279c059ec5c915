"""Who came in, from where, how, and who tried: what the hosts' own logs say."""

from orchestrator.logins.event import Kind, LoginEvent

__all__ = ["Kind", "LoginEvent"]
