package com.alpha.pcworker.client;

import com.alpha.backend.grpc.RowChunk;
import com.google.protobuf.Message;
import java.util.ArrayList;
import java.util.List;

/** Takes the wire's chunks apart. */
final class Chunks {

    private Chunks() {}

    /** Give a chunk's rows, each with its position; the chunk's parts must fit one another. */
    static List<Row> rows(RowChunk chunk) {
        List<? extends Message> messages = messages(chunk);
        int count = messages.size();
        if (chunk.getRowIdsCount() != count || chunk.getPositionsCount() != count) {
            throw new ContractBrokenException(
                    "a chunk of %d rows has %d ids and %d positions: is this gateway ours, or a stock one?"
                            .formatted(count, chunk.getRowIdsCount(), chunk.getPositionsCount()));
        }
        List<Row> rows = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            rows.add(new Row(chunk.getPositions(i), chunk.getRowIds(i), messages.get(i)));
        }
        return rows;
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
