package com.alpha.pcworker.sample;

import com.alpha.pcworker.client.SavedState;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** A reader's state in a table: what is put is stored with {@link #store}, in the caller's transaction. */
final class StateTable implements SavedState {

    private static final String CREATE =
            "CREATE TABLE IF NOT EXISTS pcw_reader_state (key text PRIMARY KEY, value text NOT NULL)";
    private static final String READ = "SELECT value FROM pcw_reader_state WHERE key = ?";
    private static final String STORE =
            """
            INSERT INTO pcw_reader_state VALUES (?, ?)
            ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value""";

    private final Connection connection;
    private final Map<String, String> changes = new HashMap<>();

    StateTable(Connection connection) throws SQLException {
        this.connection = connection;
        try (Statement statement = connection.createStatement()) {
            statement.execute(CREATE);
        }
    }

    @Override
    public Optional<String> get(String key) {
        try (PreparedStatement statement = connection.prepareStatement(READ)) {
            statement.setString(1, key);
            try (ResultSet found = statement.executeQuery()) {
                return found.next() ? Optional.of(found.getString(1)) : Optional.empty();
            }
        } catch (SQLException e) {
            throw new IllegalStateException("the reader's state cannot be read: " + e.getMessage(), e);
        }
    }

    @Override
    public void put(String key, String value) {
        changes.put(key, value);
    }

    void store() throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(STORE)) {
            for (Map.Entry<String, String> change : changes.entrySet()) {
                statement.setString(1, change.getKey());
                statement.setString(2, change.getValue());
                statement.addBatch();
            }
            statement.executeBatch();
        }
        changes.clear();
    }
}
