package com.alpha.pcworker.sample;

import com.alpha.backend.grpc.CandidateRow;
import com.alpha.backend.grpc.DocumentRow;
import com.alpha.backend.grpc.RecruitRow;
import com.alpha.backend.grpc.SkillEmbeddingDicRow;
import com.alpha.pcworker.client.Entry;
import com.alpha.pcworker.client.Row;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Collection;
import java.util.List;
import java.util.UUID;
import java.util.stream.Collectors;

/**
 * A domain's rows in a table of their own, {@code pcw_DOMAIN}: a column for each field of the wire, null where the field is
 * null, and the vectors as an array of arrays.
 */
final class RowTable {

    private static final String ROW_ID = "pcw_id";

    private final Connection connection;
    private final String name;
    private final List<FieldDescriptor> fields;

    RowTable(Connection connection, String domain) throws SQLException {
        this.connection = connection;
        this.name = quoted("pcw_" + domain);
        this.fields = descriptor(domain).getFields().stream()
                .filter(field -> sqlType(field) != null)
                .toList();
        try (Statement statement = connection.createStatement()) {
            statement.execute(create());
        }
    }

    /** Make the table show these entries, at most one a row; the caller commits. */
    void apply(Collection<Entry> entries) throws SQLException {
        try (PreparedStatement upsert = connection.prepareStatement(upsert());
                PreparedStatement delete =
                        connection.prepareStatement("DELETE FROM %s WHERE %s = ?".formatted(name, ROW_ID))) {
            for (Entry entry : entries) {
                if (entry instanceof Row row) {
                    bind(upsert, row);
                    upsert.addBatch();
                } else {
                    delete.setObject(1, UUID.fromString(entry.id()));
                    delete.addBatch();
                }
            }
            upsert.executeBatch();
            delete.executeBatch();
        }
    }

    private void bind(PreparedStatement statement, Row row) throws SQLException {
        int column = 1;
        statement.setObject(column++, UUID.fromString(row.id()));
        statement.setLong(column++, row.position());
        statement.setString(column++, row.model());
        statement.setArray(column++, connection.createArrayOf("float4", row.vectors().toArray(float[][]::new)));
        for (FieldDescriptor field : fields) {
            statement.setObject(column++, value(row.message(), field));
        }
    }

    private Object value(Message message, FieldDescriptor field) throws SQLException {
        if (field.isRepeated()) {
            return connection.createArrayOf("text", ((List<?>) message.getField(field)).toArray());
        }
        boolean isNull = field.hasPresence() && !message.hasField(field);
        return isNull ? null : message.getField(field);
    }

    private String create() {
        String columns = fields.stream()
                .map(field -> ", %s %s".formatted(quoted(field.getName()), sqlType(field)))
                .collect(Collectors.joining());
        return "CREATE TABLE IF NOT EXISTS %s (%s uuid PRIMARY KEY, pcw_position bigint, pcw_model text, vectors real[]%s)"
                .formatted(name, ROW_ID, columns);
    }

    private String upsert() {
        List<String> names = fields.stream().map(field -> quoted(field.getName())).toList();
        String columns = names.stream().map(column -> ", " + column).collect(Collectors.joining());
        String changes = names.stream()
                .map(column -> ", %s = EXCLUDED.%s".formatted(column, column))
                .collect(Collectors.joining());
        return """
                INSERT INTO %s (%s, pcw_position, pcw_model, vectors%s) VALUES (?, ?, ?, ?%s)
                ON CONFLICT (%s) DO UPDATE SET
                    pcw_position = EXCLUDED.pcw_position, pcw_model = EXCLUDED.pcw_model, vectors = EXCLUDED.vectors%s"""
                .formatted(name, ROW_ID, columns, ", ?".repeat(names.size()), ROW_ID, changes);
    }

    /** Null = not a separate column: the vectors, which {@link Row#vectors} returns for every domain. */
    private static String sqlType(FieldDescriptor field) {
        return switch (field.getJavaType()) {
            case STRING -> field.isRepeated() ? "text[]" : "text";
            case INT -> "integer";
            default -> null;
        };
    }

    private static Descriptor descriptor(String domain) {
        return switch (domain) {
            case "recruit" -> RecruitRow.getDescriptor();
            case "candidate" -> CandidateRow.getDescriptor();
            case "skill_dic" -> SkillEmbeddingDicRow.getDescriptor();
            default -> DocumentRow.getDescriptor();
        };
    }

    private static String quoted(String identifier) {
        return '"' + identifier.replace("\"", "\"\"") + '"';
    }
}
