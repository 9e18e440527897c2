/* The limit on SQLite: batches of 64 debits, each batch one transaction, synchronous=FULL.
 *
 *   debit FILE ACCOUNTS SECONDS   makes FILE where it is missing, with 10 000 accounts of 3 lots;
 *                                 debits ACCOUNTS of them at random; prints debits per second.
 *
 * Linked with the SQLite that Recharge is built with, so its functions are declared here. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct sqlite3 sqlite3;
typedef struct sqlite3_stmt sqlite3_stmt;
int sqlite3_open(const char *, sqlite3 **);
int sqlite3_close(sqlite3 *);
int sqlite3_exec(sqlite3 *, const char *, void *, void *, char **);
int sqlite3_prepare_v2(sqlite3 *, const char *, int, sqlite3_stmt **, const char **);
int sqlite3_bind_int64(sqlite3_stmt *, int, int64_t);
int sqlite3_bind_text(sqlite3_stmt *, int, const char *, int, void *);
int sqlite3_step(sqlite3_stmt *);
int sqlite3_reset(sqlite3_stmt *);
int64_t sqlite3_column_int64(sqlite3_stmt *, int);
const char *sqlite3_errmsg(sqlite3 *);

enum { OK = 0, ROW = 100, DONE = 101, BATCH = 64 };

static sqlite3 *database;

static void must(int is_good) {
    if (is_good) return;
    fprintf(stderr, "%s\n", sqlite3_errmsg(database));
    exit(1);
}

static void run(const char *sql) { must(sqlite3_exec(database, sql, 0, 0, 0) == OK); }

static sqlite3_stmt *prepare(const char *sql) {
    sqlite3_stmt *statement;
    must(sqlite3_prepare_v2(database, sql, -1, &statement, 0) == OK);
    return statement;
}

static void write_row(sqlite3_stmt *statement) {
    must(sqlite3_step(statement) == DONE);
    must(sqlite3_reset(statement) == OK);
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint64_t state;

static uint64_t random_number(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static const char *schema =
    "CREATE TABLE IF NOT EXISTS accounts (id INTEGER PRIMARY KEY, available INTEGER NOT NULL, seq INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS lots (account_id INTEGER NOT NULL, number INTEGER NOT NULL,"
    " remaining INTEGER NOT NULL, expires_at INTEGER NOT NULL, PRIMARY KEY (account_id, number));"
    "CREATE TABLE IF NOT EXISTS entries (account_id INTEGER NOT NULL, seq INTEGER NOT NULL,"
    " amount INTEGER NOT NULL, available_after INTEGER NOT NULL, at INTEGER NOT NULL, request_key TEXT NOT NULL,"
    " PRIMARY KEY (account_id, seq), UNIQUE (account_id, request_key));"
    "CREATE TABLE IF NOT EXISTS allocations (account_id INTEGER NOT NULL, seq INTEGER NOT NULL,"
    " lot INTEGER NOT NULL, amount INTEGER NOT NULL, PRIMARY KEY (account_id, seq, lot));"
    "BEGIN IMMEDIATE;"
    "WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 10000)"
    " INSERT OR IGNORE INTO accounts SELECT id, 3000000000000, 3 FROM n;"
    "INSERT OR IGNORE INTO lots SELECT id, column1, 1000000000000, 4000000000000 + column1"
    " FROM accounts, (VALUES (1), (2), (3));"
    "COMMIT";

int main(int count, char **given) {
    if (count != 4) return 2;
    uint64_t accounts = strtoull(given[2], 0, 10);
    double length = strtod(given[3], 0);
    state = (uint64_t)time(0) * 2654435761u + 1;
    must(sqlite3_open(given[1], &database) == OK);
    run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    run(schema);
    sqlite3_stmt *account = prepare("UPDATE accounts SET available = available - 1000, seq = seq + 1"
                                    " WHERE id = ?1 AND available >= 1000 RETURNING available, seq");
    sqlite3_stmt *soonest = prepare("SELECT number FROM lots WHERE account_id = ?1 AND remaining >= 1000"
                                    " ORDER BY expires_at, number LIMIT 1");
    sqlite3_stmt *lot = prepare("UPDATE lots SET remaining = remaining - 1000 WHERE account_id = ?1 AND number = ?2");
    sqlite3_stmt *entry = prepare("INSERT INTO entries VALUES (?1, ?2, -1000, ?3, ?4, ?5)");
    sqlite3_stmt *allocation = prepare("INSERT INTO allocations VALUES (?1, ?2, ?3, -1000)");

    uint64_t debits = 0;
    double start = seconds(), end = start;
    for (; end - start < length; end = seconds()) {
        run("BEGIN IMMEDIATE");
        for (int i = 0; i < BATCH; i++, debits++) {
            int64_t id = (int64_t)(random_number() % accounts) + 1;
            char key[24];
            int length_of_key = snprintf(key, sizeof key, "%llu", (unsigned long long)random_number());
            sqlite3_bind_int64(account, 1, id);
            must(sqlite3_step(account) == ROW);
            int64_t available = sqlite3_column_int64(account, 0), seq = sqlite3_column_int64(account, 1);
            must(sqlite3_step(account) == DONE && sqlite3_reset(account) == OK);
            sqlite3_bind_int64(soonest, 1, id);
            must(sqlite3_step(soonest) == ROW);
            int64_t number = sqlite3_column_int64(soonest, 0);
            sqlite3_reset(soonest);
            sqlite3_bind_int64(lot, 1, id);
            sqlite3_bind_int64(lot, 2, number);
            write_row(lot);
            sqlite3_bind_int64(entry, 1, id);
            sqlite3_bind_int64(entry, 2, seq);
            sqlite3_bind_int64(entry, 3, available);
            sqlite3_bind_int64(entry, 4, (int64_t)time(0) * 1000);
            sqlite3_bind_text(entry, 5, key, length_of_key, 0);
            write_row(entry);
            sqlite3_bind_int64(allocation, 1, id);
            sqlite3_bind_int64(allocation, 2, seq);
            sqlite3_bind_int64(allocation, 3, number);
            write_row(allocation);
        }
        run("COMMIT");
    }
    printf("%.1f\n", (double)debits / (end - start));
    return 0;
}
