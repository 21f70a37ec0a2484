package com.alpha.pcworker.client;

import java.time.Duration;
import java.util.Objects;

/**
 * How to read over {@code Consume}. Begin with {@link #of} and change what differs.
 *
 * <p>Credit bounds what this client holds in memory, and with it the rows of one transaction: they must fit into it.
 *
 * @param domain the domain, exactly as the gateway names it
 * @param name the subscription's name within the domain; it is created when first used
 * @param checkpoint who keeps the position that reading resumes after
 * @param follow false = {@code read()} returns null when all is read; true = it waits for what is committed later
 * @param chunkRows most rows per chunk, 1 to 1000
 * @param creditChunks chunks that may be in flight or uncommitted
 * @param creditBytes bytes of those chunks; 4 MiB at least, the largest message
 * @param ackDeadline how long a chunk may stay uncommitted, 1 s to 1 h; after it the gateway ends the call and this reader
 *     reconnects
 * @param patience how long {@code read()} tries to reach the gateway before it fails
 * @param takeOver whether another consumer of this subscription is fenced; false = wait until it has disconnected
 */
public record SubscriptionSettings(
        String domain,
        String name,
        Checkpoint checkpoint,
        boolean follow,
        int chunkRows,
        int creditChunks,
        long creditBytes,
        Duration ackDeadline,
        Duration patience,
        boolean takeOver) {

    private static final long LARGEST_MESSAGE = 4 << 20;

    /** Who keeps the position. */
    public enum Checkpoint {
        /** The caller's {@link SavedState} alone, stored with the rows: exact. Without a position in it: from the start. */
        CLIENT,
        /** The gateway: after the last {@code committed()} that reached it. Rows may come twice; the state is not used. */
        GATEWAY
    }

    public SubscriptionSettings {
        Objects.requireNonNull(domain, "domain");
        Objects.requireNonNull(name, "name");
        require(chunkRows >= 1 && chunkRows <= 1000, "chunkRows " + chunkRows + " is not within 1 to 1000");
        require(creditChunks >= 1, "creditChunks " + creditChunks + " is not positive");
        require(creditBytes >= LARGEST_MESSAGE, "creditBytes " + creditBytes + " is under 4 MiB, the largest message");
        require(
                ackDeadline.toSeconds() >= 1 && ackDeadline.toSeconds() <= 3600,
                "ackDeadline " + ackDeadline + " is not within 1 s to 1 h");
    }

    /** This subscription to its current end; the caller stores the position; credit for about 1,000 wide rows. */
    public static SubscriptionSettings of(String domain, String name) {
        return new SubscriptionSettings(
                domain,
                name,
                Checkpoint.CLIENT,
                false,
                300,
                16,
                16 << 20,
                Duration.ofMinutes(5),
                Duration.ofMinutes(5),
                true);
    }

    /** The same, the position kept by this side. */
    public SubscriptionSettings withCheckpoint(Checkpoint keeper) {
        return new SubscriptionSettings(
                domain, name, keeper, follow, chunkRows, creditChunks, creditBytes, ackDeadline, patience, takeOver);
    }

    /** The same, going on with what is committed later. */
    public SubscriptionSettings following() {
        return new SubscriptionSettings(
                domain, name, checkpoint, true, chunkRows, creditChunks, creditBytes, ackDeadline, patience, takeOver);
    }

    /** The same in chunks of at most this many rows. */
    public SubscriptionSettings withChunkRows(int rows) {
        return new SubscriptionSettings(
                domain, name, checkpoint, follow, rows, creditChunks, creditBytes, ackDeadline, patience, takeOver);
    }

    /** The same with this credit. */
    public SubscriptionSettings withCredit(int chunks, long bytes) {
        return new SubscriptionSettings(
                domain, name, checkpoint, follow, chunkRows, chunks, bytes, ackDeadline, patience, takeOver);
    }

    /** The same with more or less time to commit. */
    public SubscriptionSettings withAckDeadline(Duration deadline) {
        return new SubscriptionSettings(
                domain, name, checkpoint, follow, chunkRows, creditChunks, creditBytes, deadline, patience, takeOver);
    }

    /** The same, giving up sooner or later. */
    public SubscriptionSettings withPatience(Duration newPatience) {
        return new SubscriptionSettings(
                domain, name, checkpoint, follow, chunkRows, creditChunks, creditBytes, ackDeadline, newPatience, takeOver);
    }

    /** The same as a standby: it waits while another consumer holds the subscription. */
    public SubscriptionSettings standingBy() {
        return new SubscriptionSettings(
                domain, name, checkpoint, follow, chunkRows, creditChunks, creditBytes, ackDeadline, patience, false);
    }

    private static void require(boolean holds, String otherwise) {
        if (!holds) {
            throw new IllegalArgumentException(otherwise);
        }
    }
}
