"""The schema of the database, as the steps by which it came to be."""

from __future__ import annotations

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE inbox (
        update_id   INTEGER PRIMARY KEY,
        received_at REAL NOT NULL
    );
    CREATE TABLE buttons (
        id         TEXT PRIMARY KEY,
        verb       TEXT NOT NULL,
        args       TEXT NOT NULL,
        requester  TEXT NOT NULL,
        expires_at REAL NOT NULL,
        once       INTEGER NOT NULL,
        used_at    REAL,
        family     TEXT NOT NULL
    );
    CREATE INDEX buttons_by_family ON buttons (family);
    CREATE TABLE preferences (
        actor TEXT NOT NULL,
        name  TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (actor, name)
    );
    CREATE TABLE audit (
        seq     INTEGER PRIMARY KEY AUTOINCREMENT,
        at      REAL NOT NULL,
        kind    TEXT NOT NULL CHECK (kind IN ('intent', 'result')),
        intent  INTEGER REFERENCES audit (seq),
        actor   TEXT NOT NULL,
        face    TEXT NOT NULL,
        action  TEXT NOT NULL,
        summary TEXT NOT NULL,
        hosts   TEXT NOT NULL,
        outcome TEXT NOT NULL
    );
    CREATE UNIQUE INDEX audit_one_result ON audit (intent) WHERE kind = 'result';
    """,
    """
    CREATE TABLE outbox (
        id         INTEGER PRIMARY KEY AUTOINCREMENT,
        key        TEXT NOT NULL,
        chat       INTEGER NOT NULL,
        topic      INTEGER NOT NULL,
        kind       TEXT NOT NULL,
        payload    TEXT NOT NULL,
        put_at     REAL NOT NULL,
        attempts   INTEGER NOT NULL DEFAULT 0,
        unsure     INTEGER NOT NULL DEFAULT 0,
        next_try   REAL NOT NULL DEFAULT 0,
        done_at    REAL,
        message_id INTEGER,
        problem    TEXT NOT NULL DEFAULT '',
        UNIQUE (key, chat, topic)
    );
    CREATE INDEX outbox_waiting ON outbox (chat, topic, id) WHERE done_at IS NULL;
    CREATE TABLE dialogues (
        actor TEXT NOT NULL,
        chat  INTEGER NOT NULL,
        topic INTEGER NOT NULL,
        kind  TEXT NOT NULL,
        id    TEXT NOT NULL,
        state TEXT NOT NULL,
        at    REAL NOT NULL,
        PRIMARY KEY (actor, chat, topic)
    );
    """,
    """
    ALTER TABLE outbox ADD COLUMN thread TEXT NOT NULL DEFAULT '';
    ALTER TABLE outbox ADD COLUMN reply INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE outbox ADD COLUMN priority INTEGER NOT NULL DEFAULT 1;
    DROP INDEX outbox_waiting;
    CREATE INDEX outbox_waiting ON outbox (chat, topic, reply, priority, id) WHERE done_at IS NULL;
    CREATE TABLE threads (
        chat       INTEGER NOT NULL,
        topic      INTEGER NOT NULL,
        thread     TEXT NOT NULL,
        message_id INTEGER NOT NULL,
        at         REAL NOT NULL,
        PRIMARY KEY (chat, topic, thread)
    );
    """,
    """
    CREATE TABLE thresholds (
        kind   TEXT NOT NULL,
        name   TEXT NOT NULL,
        metric TEXT NOT NULL,
        value  REAL NOT NULL,
        actor  TEXT NOT NULL,
        at     REAL NOT NULL,
        PRIMARY KEY (kind, name, metric)
    );
    """,
    """
    CREATE TABLE incidents (
        id             TEXT PRIMARY KEY,
        subject        TEXT NOT NULL,
        opened_at      REAL NOT NULL,
        targets        TEXT,
        closed_at      REAL,
        changed_at     REAL NOT NULL,
        changes        INTEGER NOT NULL,
        acked_by       TEXT NOT NULL,
        acked_at       REAL,
        silence        TEXT NOT NULL,
        silenced_until REAL
    );
    CREATE UNIQUE INDEX incidents_open ON incidents (subject) WHERE closed_at IS NULL;
    CREATE INDEX incidents_closed ON incidents (closed_at) WHERE closed_at IS NOT NULL;
    CREATE TABLE alerts (
        fingerprint TEXT NOT NULL,
        starts_at   REAL NOT NULL,
        incident    TEXT NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
        ends_at     REAL,
        alert       TEXT NOT NULL,
        PRIMARY KEY (fingerprint, starts_at)
    );
    CREATE INDEX alerts_of_incident ON alerts (incident);
    """,
    """
    CREATE TABLE logins (
        seq     INTEGER PRIMARY KEY AUTOINCREMENT,
        id      TEXT NOT NULL UNIQUE,
        host    TEXT NOT NULL,
        time    REAL NOT NULL,
        kind    TEXT NOT NULL,
        user    TEXT NOT NULL,
        address TEXT NOT NULL,
        count   INTEGER NOT NULL,
        noise   INTEGER NOT NULL,
        event   TEXT NOT NULL
    );
    CREATE INDEX logins_by_host ON logins (host, seq);
    CREATE INDEX logins_by_user ON logins (user, seq);
    CREATE INDEX logins_by_address ON logins (address, seq);
    CREATE INDEX logins_by_noise ON logins (noise, seq);
    CREATE INDEX logins_by_time ON logins (time);
    CREATE TABLE login_cursors (
        host     TEXT PRIMARY KEY,
        source   TEXT NOT NULL,
        position TEXT NOT NULL,
        at       REAL NOT NULL
    );
    CREATE TABLE login_gaps (
        host   TEXT NOT NULL,
        source TEXT NOT NULL,
        since  REAL NOT NULL,
        until  REAL NOT NULL,
        PRIMARY KEY (host, source, since)
    );
    """,
    """
    CREATE TABLE login_sessions (
        id       INTEGER PRIMARY KEY AUTOINCREMENT,
        host     TEXT NOT NULL,
        user     TEXT NOT NULL,
        address  TEXT NOT NULL,
        began_at REAL NOT NULL,
        port     INTEGER,
        method   TEXT NOT NULL,
        key      TEXT NOT NULL,
        comment  TEXT NOT NULL,
        reverse  TEXT NOT NULL,
        program  TEXT NOT NULL,
        pid      INTEGER,
        logind   TEXT NOT NULL,
        source   TEXT NOT NULL,
        verified INTEGER NOT NULL,
        ended_at REAL,
        ending   TEXT NOT NULL,
        ours     INTEGER NOT NULL,
        first    TEXT NOT NULL,
        failures INTEGER NOT NULL,
        alarm    TEXT NOT NULL,
        told     INTEGER NOT NULL,
        changes  INTEGER NOT NULL
    );
    CREATE INDEX login_sessions_open ON login_sessions (host) WHERE ended_at IS NULL;
    CREATE INDEX login_sessions_by_host ON login_sessions (host, id);
    CREATE INDEX login_sessions_by_user ON login_sessions (user, id);
    CREATE INDEX login_sessions_by_address ON login_sessions (address, id);
    CREATE INDEX login_sessions_by_time ON login_sessions (began_at);
    CREATE TABLE login_episodes (
        id        INTEGER PRIMARY KEY AUTOINCREMENT,
        host      TEXT NOT NULL,
        kind      TEXT NOT NULL,
        subject   TEXT NOT NULL,
        first_at  REAL NOT NULL,
        last_at   REAL NOT NULL,
        count     INTEGER NOT NULL,
        unknown   INTEGER NOT NULL,
        names     TEXT NOT NULL,
        others    INTEGER NOT NULL,
        detail    TEXT NOT NULL,
        addresses INTEGER NOT NULL,
        crowd     INTEGER NOT NULL,
        told      INTEGER NOT NULL,
        pending   INTEGER NOT NULL,
        next_at   REAL NOT NULL,
        changes   INTEGER NOT NULL
    );
    CREATE INDEX login_episodes_by_subject ON login_episodes (host, kind, subject, id);
    CREATE INDEX login_episodes_by_time ON login_episodes (last_at);
    CREATE INDEX login_episodes_told ON login_episodes (host, last_at) WHERE told;
    CREATE INDEX login_episodes_pending ON login_episodes (next_at) WHERE pending;
    CREATE INDEX login_episodes_of_crowd ON login_episodes (crowd) WHERE crowd;
    CREATE TABLE login_seen (
        kind     TEXT NOT NULL,
        value    TEXT NOT NULL,
        first_at REAL NOT NULL,
        last_at  REAL NOT NULL,
        PRIMARY KEY (kind, value)
    );
    CREATE INDEX login_seen_by_time ON login_seen (last_at);
    CREATE TABLE login_vantages (
        host    TEXT NOT NULL,
        address TEXT NOT NULL,
        key     TEXT NOT NULL,
        at      REAL NOT NULL,
        PRIMARY KEY (host, address, key)
    );
    CREATE TABLE login_rules (
        scope TEXT NOT NULL,
        name  TEXT NOT NULL,
        kind  TEXT NOT NULL,
        value TEXT NOT NULL,
        is_on INTEGER NOT NULL,
        actor TEXT NOT NULL,
        at    REAL NOT NULL,
        PRIMARY KEY (scope, name, kind, value)
    );
    """,
    """
    DROP INDEX login_sessions_open;
    CREATE INDEX login_sessions_open_by_pid ON login_sessions (host, pid) WHERE ended_at IS NULL;
    CREATE INDEX login_sessions_open_by_logind ON login_sessions (host, logind) WHERE ended_at IS NULL;
    CREATE INDEX login_sessions_open_by_port ON login_sessions (host, port, address) WHERE ended_at IS NULL;
    CREATE INDEX logins_noise_by_address ON logins (address, seq) WHERE noise;
    CREATE INDEX outbox_by_time ON outbox (put_at);
    CREATE INDEX outbox_done ON outbox (done_at) WHERE done_at IS NOT NULL;
    CREATE INDEX threads_by_time ON threads (at);
    """,
    """
    CREATE TABLE login_key_looks (
        host  TEXT NOT NULL,
        scope TEXT NOT NULL,
        at    REAL NOT NULL,
        PRIMARY KEY (host, scope)
    );
    CREATE TABLE login_keys (
        host         TEXT NOT NULL,
        scope        TEXT NOT NULL,
        user         TEXT NOT NULL,
        fingerprint  TEXT NOT NULL,
        is_authority INTEGER NOT NULL,
        PRIMARY KEY (host, scope, user, fingerprint, is_authority)
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE login_boots (
        host   TEXT PRIMARY KEY,
        kernel TEXT NOT NULL,
        ticks  TEXT NOT NULL,
        sure   INTEGER,
        ended  INTEGER,
        up     REAL
    );
    """,
    """
    CREATE TABLE login_places (
        host  TEXT PRIMARY KEY,
        place TEXT NOT NULL
    );
    """,
    "ALTER TABLE login_sessions ADD COLUMN claimed_at REAL",
    """
    CREATE TABLE login_dials (
        host    TEXT NOT NULL,
        address TEXT NOT NULL,
        port    INTEGER NOT NULL,
        at      REAL NOT NULL,
        PRIMARY KEY (host, address, port)
    );
    CREATE INDEX login_dials_by_time ON login_dials (at);
    """,
    """
    DROP INDEX login_episodes_by_subject;
    CREATE INDEX login_episodes_by_end ON login_episodes (host, kind, subject, last_at);
    """,
)
"""One entry a version, applied in order and never edited once released."""
