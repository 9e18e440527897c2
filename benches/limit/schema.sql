-- What a hand-written ledger keeps at least: accounts, lots, entries with their unique key, and
-- which lot each entry took from. 10 000 accounts with 3 lots each.

CREATE TABLE accounts (
    id        BIGINT NOT NULL PRIMARY KEY,
    available BIGINT NOT NULL CHECK (available >= 0),
    seq       BIGINT NOT NULL
);

CREATE TABLE lots (
    account_id BIGINT NOT NULL,
    number     BIGINT NOT NULL,
    remaining  BIGINT NOT NULL CHECK (remaining >= 0),
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, number)
);

CREATE TABLE entries (
    account_id      BIGINT NOT NULL,
    seq             BIGINT NOT NULL,
    amount          BIGINT NOT NULL,
    available_after BIGINT NOT NULL,
    at              BIGINT NOT NULL,
    request_key     TEXT   NOT NULL,
    PRIMARY KEY (account_id, seq),
    UNIQUE (account_id, request_key)
);

CREATE TABLE allocations (
    account_id BIGINT NOT NULL,
    seq        BIGINT NOT NULL,
    lot        BIGINT NOT NULL,
    amount     BIGINT NOT NULL,
    PRIMARY KEY (account_id, seq, lot)
);

INSERT INTO accounts SELECT id, 3000000000000, 3 FROM generate_series(1, 10000) AS id;
INSERT INTO lots
SELECT id, number, 1000000000000, 4000000000000 + number
FROM generate_series(1, 10000) AS id, generate_series(1, 3) AS number;

-- One debit in one transaction and one round trip. Each statement of it sees what was committed
-- while it waited for the account.
CREATE FUNCTION debit(debited BIGINT, key TEXT) RETURNS BIGINT LANGUAGE plpgsql AS $$
DECLARE
    left_over BIGINT;
    next      BIGINT;
    soonest   BIGINT;
BEGIN
    UPDATE accounts SET available = available - 1000, seq = seq + 1
    WHERE id = debited AND available >= 1000
    RETURNING available, seq INTO left_over, next;
    UPDATE lots SET remaining = remaining - 1000
    WHERE account_id = debited AND number = (
        SELECT number FROM lots WHERE account_id = debited AND remaining >= 1000
        ORDER BY expires_at, number LIMIT 1)
    RETURNING number INTO soonest;
    INSERT INTO entries VALUES
        (debited, next, -1000, left_over, extract(epoch FROM now()) * 1000, key);
    INSERT INTO allocations VALUES (debited, next, soonest, -1000);
    RETURN left_over;
END $$;
