package com.alpha.pcworker.sample;

import com.alpha.pcworker.client.Entry;
import com.alpha.pcworker.client.Gateway;
import com.alpha.pcworker.client.GatewayException;
import com.alpha.pcworker.client.Row;
import com.alpha.pcworker.client.RowReader;
import com.alpha.pcworker.client.SubscriptionSettings;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Copies a domain into a PostgreSQL table and keeps it equal to the source, no matter what is killed when: rows and position are
 * stored in one transaction, so what was stored is never asked for again, and what was not is. A row that the database refuses is
 * nacked, and the others go on.
 *
 * <p>It may be killed at any time; started again, it goes on. Without {@code --follow} it ends when all is read. Exit codes:
 * 0 done, 2 wrong usage, 69 gateway or database away, 1 anything else.
 */
public final class PostgresSink {

    // A killed sink's session may still be working off what it was sent: its last transaction must be over, one way or the
    // other, before the next sink reads the position.
    private static final String LOCK = "SELECT pg_advisory_lock(hashtextextended(?, 0))";

    private static final String TRANSACTION_LOCK = LOCK.replace("_lock(", "_xact_lock(");

    private final Connection connection;
    private final RowReader reader;
    private final RowTable table;
    private final StateTable state;
    private final int batchRows;

    // The last entry of a row in this batch is the one that counts.
    private final Map<String, Entry> batch = new LinkedHashMap<>();

    private PostgresSink(Connection connection, RowReader reader, SinkOptions options) throws SQLException {
        SubscriptionSettings subscription = options.subscription();
        this.connection = connection;
        this.reader = reader;
        this.batchRows = options.batchRows();
        take(LOCK, "pcw:" + subscription.domain() + ":" + subscription.name() + ":" + subscription.shard());
        connection.setAutoCommit(false);
        take(TRANSACTION_LOCK, "pcw:tables"); // sinks of several shards start at once
        this.table = new RowTable(connection, subscription.domain());
        this.state = new StateTable(connection);
        connection.commit();
    }

    /**
     * Run the sink.
     *
     * @param arguments see the usage
     * @throws InterruptedException if the thread is interrupted
     */
    public static void main(String[] arguments) throws InterruptedException {
        if (List.of(arguments).contains("--help")) {
            System.out.println(SinkOptions.USAGE);
            return;
        }
        try {
            run(SinkOptions.parse(arguments));
        } catch (IllegalArgumentException e) {
            fail(2, e.getMessage() + "\n" + SinkOptions.USAGE);
        } catch (GatewayException e) {
            fail(e.isRetryable() ? 69 : 1, e.getMessage());
        } catch (SQLException e) {
            fail(isAway(e.getSQLState()) ? 69 : 1, e.getMessage());
        }
    }

    private static void run(SinkOptions options) throws SQLException, InterruptedException {
        try (Connection connection = DriverManager.getConnection(options.jdbcUrl());
                Gateway gateway = new Gateway(options.gateway());
                RowReader reader = gateway.subscribe(options.subscription())) {
            new PostgresSink(connection, reader, options).copy();
        }
    }

    private void copy() throws SQLException, InterruptedException {
        reader.open(state);
        for (Entry entry = reader.read(); entry != null; entry = reader.read()) {
            batch.put(entry.id(), entry);
            if (batch.size() >= batchRows || reader.available() == 0) {
                commit();
            }
        }
        commit();
    }

    private void commit() throws SQLException, InterruptedException {
        try {
            table.apply(batch.values());
        } catch (SQLException e) {
            if (!isOfOneRow(e)) {
                throw e;
            }
            connection.rollback(); // the transaction has this batch only
            applyEach();
        }
        reader.update(state);
        state.store();
        connection.commit();
        reader.committed();
        batch.clear();
    }

    /** Store the rows of the batch one by one, and nack those that the database refuses. */
    private void applyEach() throws SQLException, InterruptedException {
        for (Entry entry : batch.values()) {
            Savepoint before = connection.setSavepoint();
            try {
                table.apply(List.of(entry));
                connection.releaseSavepoint(before);
            } catch (SQLException e) {
                if (!(entry instanceof Row row) || !isOfOneRow(e)) {
                    throw e;
                }
                connection.rollback(before);
                reader.nack(row, reason(e));
            }
        }
    }

    private void take(String lock, String name) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(lock)) {
            statement.setString(1, name);
            statement.execute();
        }
    }

    /** Connection lost (08) or taken away by an operator or a crash (57). */
    private static boolean isAway(String sqlState) {
        return sqlState != null && (sqlState.startsWith("08") || sqlState.startsWith("57"));
    }

    /** A value that does not fit (22), or a constraint (23): with other rows the database would have no trouble. */
    private static boolean isOfOneRow(SQLException error) {
        String state = error.getSQLState();
        return state != null && (state.startsWith("22") || state.startsWith("23"));
    }

    /** What the server said: the message of a batch quotes the whole statement. */
    private static String reason(SQLException error) {
        SQLException cause = error.getNextException();
        return cause == null ? error.getMessage() : cause.getMessage();
    }

    private static void fail(int code, String message) {
        System.err.println("error: " + message);
        System.exit(code);
    }
}
