package com.alpha.pcworker.client;

import com.alpha.backend.grpc.ConsumeChunk;
import com.alpha.backend.grpc.ConsumeRedelivered;
import com.alpha.backend.grpc.ConsumeTombstone;
import com.alpha.backend.grpc.DocumentRow;
import com.alpha.backend.grpc.RowChunk;
import com.google.protobuf.Message;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Splits the wire's chunks into entries. */
final class Chunks {

    private Chunks() {}

    /** Returns the rows of a plain chunk. */
    static List<Row> rows(RowChunk chunk) {
        return rows(chunk, "", List.of(), "", List.of());
    }

    /** Returns rows and tombstones of an acknowledged chunk in log order. */
    static List<Entry> entries(ConsumeChunk chunk) {
        List<Entry> entries = new ArrayList<>();
        if (chunk.hasRows()) {
            entries.addAll(rows(
                    chunk.getRows(),
                    chunk.getModel(),
                    chunk.getJobIdsList(),
                    chunk.getEpoch(),
                    chunk.getDeliveriesList()));
        }
        for (ConsumeTombstone tombstone : chunk.getTombstonesList()) {
            entries.add(new Tombstone(tombstone.getPosition(), tombstone.getRowId()));
        }
        entries.sort(Comparator.comparingLong(Entry::position));
        return entries;
    }

    /** Returns the redelivered rows. */
    static List<Row> redelivered(ConsumeRedelivered again) {
        return rows(again.getRows(), again.getModel(), List.of(), again.getEpoch(), again.getDeliveriesList());
    }

    private static List<Row> rows(
            RowChunk chunk, String model, List<String> jobs, String epoch, List<Integer> deliveries) {
        List<? extends Message> messages = messages(chunk);
        int count = messages.size();
        if (chunk.getRowIdsCount() != count || chunk.getPositionsCount() != count) {
            throw new ContractBrokenException(
                    "a chunk of %d rows has %d ids and %d positions: is this gateway ours, or a stock one?"
                            .formatted(count, chunk.getRowIdsCount(), chunk.getPositionsCount()));
        }
        List<Row> rows = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            Message message = messages.get(i);
            String itsModel = model.isEmpty() && message instanceof DocumentRow row ? row.getModel() : model;
            String job = ofRow(jobs, i, "");
            int delivered = ofRow(deliveries, i, 1);
            rows.add(new Row(chunk.getPositions(i), chunk.getRowIds(i), message, itsModel, job, epoch, delivered));
        }
        return rows;
    }

    private static <T> T ofRow(List<T> values, int index, T otherwise) {
        return switch (values.size()) {
            case 0 -> otherwise;
            case 1 -> values.get(0); // one for all
            default -> values.get(index);
        };
    }

    private static List<? extends Message> messages(RowChunk chunk) {
        return switch (chunk.getChunkDataCase()) {
            case RECRUIT -> chunk.getRecruit().getRowsList();
            case CANDIDATE -> chunk.getCandidate().getRowsList();
            case SKILL_DIC -> chunk.getSkillDic().getRowsList();
            case DOCUMENT -> chunk.getDocument().getRowsList();
            case CHUNKDATA_NOT_SET -> throw new ContractBrokenException(
                    "a chunk of a kind that this client does not know came: its proto is older than the gateway's");
        };
    }
}
