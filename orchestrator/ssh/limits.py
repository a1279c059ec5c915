"""The bounds of everything that could wait or grow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds, counts in pieces.

    `connect_timeout` covers name lookup, TCP, key exchange and authentication of one attempt; `connects` attempts go
    on at once over all hosts and `connects_per_door` to one address. `channels` stays below sshd's MaxSessions (10,
    sshd_config(5)) so that a command can still be stopped when all of them are busy. `streams` are connections to
    ports, which sshd does not count among its sessions. A silent link is given up after `keepalive` x
    (`keepalive_count` + 1). `kill_timeout` bounds the stopping of a remote command, `drain` the wait for output after
    its end. Reconnects back off from `backoff_first` to `backoff_last`.
    """

    connect_timeout: float = 10.0
    connects: int = 32
    connects_per_door: int = 8
    channels: int = 8
    streams: int = 4
    keepalive: float = 15.0
    keepalive_count: int = 3
    kill_timeout: float = 4.5
    drain: float = 1.0
    close_timeout: float = 5.0
    backoff_first: float = 1.0
    backoff_last: float = 60.0
