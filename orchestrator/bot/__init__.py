"""The chat: words and taps into actions, outcomes into words and pictures."""
