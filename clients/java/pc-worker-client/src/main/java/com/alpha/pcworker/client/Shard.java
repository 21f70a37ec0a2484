package com.alpha.pcworker.client;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.UUID;

/**
 * One of several readers that share a subscription.
 *
 * @param index 0 to count - 1
 * @param count how many readers share it, 1 to 128
 */
public record Shard(int index, int count) {

    /** The only reader: every row. */
    public static final Shard WHOLE = new Shard(0, 1);

    private static final int MOST = 128;

    /**
     * Check the values.
     *
     * @param index 0 to count - 1
     * @param count 1 to 128
     */
    public Shard {
        if (count < 1 || count > MOST || index < 0 || index >= count) {
            throw new IllegalArgumentException("there is no shard %d of %d: 0 to COUNT - 1, of 1 to %d".formatted(index, count, MOST));
        }
    }

    /**
     * The shard that a row belongs to: the first 4 bytes of the SHA-256 of its UUID, modulo the count.
     *
     * @param rowId the row's UUID
     * @param count how many readers share the subscription
     * @return its shard
     */
    public static Shard of(UUID rowId, int count) {
        byte[] bytes = ByteBuffer.allocate(16)
                .putLong(rowId.getMostSignificantBits())
                .putLong(rowId.getLeastSignificantBits())
                .array();
        try {
            int first = ByteBuffer.wrap(MessageDigest.getInstance("SHA-256").digest(bytes)).getInt();
            return new Shard((int) (Integer.toUnsignedLong(first) % count), count);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java platform has it
        }
    }
}
