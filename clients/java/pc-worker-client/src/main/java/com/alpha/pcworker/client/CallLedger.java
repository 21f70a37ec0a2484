package com.alpha.pcworker.client;

import com.alpha.backend.grpc.ConsumeChunk;
import com.alpha.backend.grpc.ConsumeCredit;
import com.alpha.backend.grpc.ConsumeEndOfLog;
import com.alpha.backend.grpc.ConsumeProgress;
import com.alpha.backend.grpc.ConsumeTombstone;
import com.alpha.backend.grpc.RowChunk;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import java.util.zip.CRC32C;

/** The totals of one {@code Consume} call: checks that nothing is missing, and tracks the credit in use. */
final class CallLedger {

    private record Held(long position, int bytes) {}

    private final int creditChunks;
    private final long creditBytes;
    private final Deque<Held> held = new ArrayDeque<>();
    private final CRC32C checksum = new CRC32C();

    private final Map<Long, Integer> redelivered = new HashMap<>();

    private long heldBytes;
    private long received;
    private long rows;
    private long tombstones;
    private long chunks;

    CallLedger(int creditChunks, long creditBytes) {
        this.creditChunks = creditChunks;
        this.creditBytes = creditBytes;
    }

    void opened(long position) {
        received = position;
    }

    /** Records a chunk of this many bytes; its credit is in use until it is settled. */
    void chunk(ConsumeChunk chunk, int bytes) {
        if (chunk.getAfterPosition() != received || chunk.getPosition() <= received) {
            throw new ContractBrokenException("after position %d came a chunk from %d to %d"
                    .formatted(received, chunk.getAfterPosition(), chunk.getPosition()));
        }
        received = chunk.getPosition();
        held.add(new Held(received, bytes));
        heldBytes += bytes;
        chunks++;
        addRows(chunk.getRows());
        for (ConsumeTombstone tombstone : chunk.getTombstonesList()) {
            addToChecksum(tombstone.getRowId(), tombstone.getPosition());
            tombstones++;
        }
    }

    /** Records that no row of this reader is up to a position. */
    void progress(ConsumeProgress progress) {
        if (progress.getAfterPosition() != received || progress.getPosition() <= received) {
            throw new ContractBrokenException("after position %d came progress from %d to %d"
                    .formatted(received, progress.getAfterPosition(), progress.getPosition()));
        }
        received = progress.getPosition();
    }

    /** Records an end of the log, whose totals must equal ours. */
    void endOfLog(ConsumeEndOfLog end) {
        String theirs = describe(end.getRows(), end.getTombstones(), end.getChunks(), end.getChecksum());
        String ours = describe(rows, tombstones, chunks, (int) checksum.getValue());
        if (!theirs.equals(ours) || end.getPosition() < received) {
            throw new ContractBrokenException("the gateway sent %s up to position %d, but %s up to %d came"
                    .formatted(theirs, end.getPosition(), ours, received));
        }
        received = end.getPosition();
    }

    /** The position of the last recorded message: nothing beyond it may be acknowledged. */
    long received() {
        return received;
    }

    /** Records a redelivered row of this many bytes, outside the log's order and totals. */
    void redelivered(long position, int bytes) {
        redelivered.put(position, bytes);
        heldBytes += bytes;
    }

    /** Releases the credit of redelivered rows, to be granted again. */
    ConsumeCredit answered(Collection<Long> positions) {
        ConsumeCredit.Builder credit = ConsumeCredit.newBuilder();
        for (long position : positions) {
            Integer bytes = redelivered.remove(position);
            if (bytes != null) {
                heldBytes -= bytes;
                credit.setChunks(credit.getChunks() + 1).setBytes(credit.getBytes() + bytes);
            }
        }
        return credit.build();
    }

    /** Releases the credit of all chunks up to this position, to be granted again. */
    ConsumeCredit settle(long position) {
        ConsumeCredit.Builder credit = ConsumeCredit.newBuilder();
        while (!held.isEmpty() && held.peek().position() <= position) {
            Held chunk = held.poll();
            heldBytes -= chunk.bytes();
            credit.setChunks(credit.getChunks() + 1).setBytes(credit.getBytes() + chunk.bytes());
        }
        return credit.build();
    }

    /** Whether a chunk of this many bytes can arrive before one is settled. */
    boolean hasRoom(long bytes) {
        int chunksInUse = held.size() + redelivered.size();
        return chunksInUse == 0 || (chunksInUse < creditChunks && heldBytes + bytes <= creditBytes);
    }

    private void addRows(RowChunk chunk) {
        for (int i = 0; i < chunk.getRowIdsCount(); i++) {
            addToChecksum(chunk.getRowIds(i), chunk.getPositions(i));
            rows++;
        }
    }

    private void addToChecksum(String id, long position) {
        UUID uuid = UUID.fromString(id);
        checksum.update(ByteBuffer.allocate(24)
                .putLong(uuid.getMostSignificantBits())
                .putLong(uuid.getLeastSignificantBits())
                .putLong(position)
                .flip());
    }

    private static String describe(long rows, long tombstones, long chunks, int checksum) {
        return "%d rows and %d tombstones in %d chunks (checksum %08x)".formatted(rows, tombstones, chunks, checksum);
    }
}
