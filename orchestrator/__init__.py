"""An agentless, SSH-based fleet orchestrator with a Telegram chat as its face."""
