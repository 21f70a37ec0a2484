package com.alpha.pcworker.client;

import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * How to read over {@code Consume}. Start with {@link #of} and change single values.
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
 * @param awaitGateway whether the first connection, too, is tried for as long as {@code patience}; false = if it is refused,
 *     {@code read()} fails at once
 * @param onLogChange what follows a change of the log
 * @param maxDeliveries deliveries of a row after which a {@link RowReader#nack} makes it a dead letter; 0 = as the gateway
 *     is set, usually 5
 * @param firstDelay until the second delivery of a row that is nacked; it doubles with each; 0 = a second
 * @param listener is called on connections, retries and changes
 * @param shard which part of the rows is read
 * @param where the filters that every row must meet; none = all rows
 * @param startAt where to start without a position
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
        boolean takeOver,
        boolean awaitGateway,
        OnLogChange onLogChange,
        int maxDeliveries,
        Duration firstDelay,
        Optional<ReaderListener> listener,
        Shard shard,
        List<String> where,
        Optional<StartAt> startAt) {

    private static final long LARGEST_MESSAGE = 4 << 20;

    /** Who keeps the position. */
    public enum Checkpoint {
        /**
         * The caller's {@link SavedState} alone, stored with the rows: exact. Without a position in it: from the start. A new
         * {@code JobInstance} of Spring Batch has an empty state: jobs that run every night use {@link #GATEWAY}, or keep the
         * state in a table of their own.
         */
        CLIENT,
        /** The gateway: after the last {@code committed()} that reached it. Rows may come twice; the state has no position. */
        GATEWAY
    }

    /** What follows a change of the log: of the domain's model, or because its database was restored. Always reported. */
    public enum OnLogChange {
        /** {@code read()} throws {@link LogChangedException} before any entry of the new log. */
        STOP,
        /** Read the new log from its start. Rows that only the previous log had are not announced. */
        RESTART,
        /** Continue after the same position. If the new log ends before it: as {@link #STOP}. */
        CONTINUE
    }

    /**
     * Check the values.
     *
     * @param domain the domain
     * @param name the subscription's name within the domain
     * @param checkpoint who keeps the position that reading resumes after
     * @param follow whether reading goes on at the end
     * @param chunkRows most rows per chunk
     * @param creditChunks chunks that may be in flight or uncommitted
     * @param creditBytes bytes of those chunks
     * @param ackDeadline how long a chunk may stay uncommitted
     * @param patience how long the gateway is tried
     * @param takeOver whether another consumer of this subscription is fenced
     * @param awaitGateway whether the first connection is tried with patience
     * @param onLogChange what follows a change of the log
     * @param maxDeliveries deliveries after which a nack makes a dead letter
     * @param firstDelay until the second delivery
     * @param listener is called on connections
     * @param shard which part of the rows is read
     * @param where the filters that every row must meet
     * @param startAt where to start without a position
     */
    public SubscriptionSettings {
        Objects.requireNonNull(domain, "domain");
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(onLogChange, "onLogChange");
        Objects.requireNonNull(shard, "shard");
        where = List.copyOf(where);
        require(chunkRows >= 1 && chunkRows <= 1000, "chunkRows " + chunkRows + " is not within 1 to 1000");
        require(creditChunks >= 1, "creditChunks " + creditChunks + " is not positive");
        require(creditBytes >= LARGEST_MESSAGE, "creditBytes " + creditBytes + " is under 4 MiB, the largest message");
        require(
                ackDeadline.toSeconds() >= 1 && ackDeadline.toSeconds() <= 3600,
                "ackDeadline " + ackDeadline + " is not within 1 s to 1 h");
        require(maxDeliveries >= 0 && maxDeliveries <= 100, "maxDeliveries " + maxDeliveries + " is not within 0 to 100");
        long delay = firstDelay.toMillis();
        require(delay == 0 || (delay >= 10 && delay <= 3_600_000), "firstDelay " + firstDelay + " is not within 10 ms to 1 h");
    }

    /**
     * This subscription to its current end; the caller stores the position; credit for about 1,000 wide rows.
     *
     * @param domain the domain
     * @param name the subscription's name
     * @return the settings
     */
    public static SubscriptionSettings of(String domain, String name) {
        return new Draft(domain, name).settings();
    }

    /**
     * The same with the position kept by the client.
     *
     * @param keeper who keeps it
     * @return the settings
     */
    public SubscriptionSettings withCheckpoint(Checkpoint keeper) {
        return with(draft -> draft.checkpoint = keeper);
    }

    /**
     * The same, continuing with rows that are committed later.
     *
     * @return the settings
     */
    public SubscriptionSettings following() {
        return with(draft -> draft.follow = true);
    }

    /**
     * The same in chunks of at most this many rows.
     *
     * @param rows 1 to 1000
     * @return the settings
     */
    public SubscriptionSettings withChunkRows(int rows) {
        return with(draft -> draft.chunkRows = rows);
    }

    /**
     * The same with this credit.
     *
     * @param chunks chunks that may be uncommitted
     * @param bytes bytes of those chunks
     * @return the settings
     */
    public SubscriptionSettings withCredit(int chunks, long bytes) {
        return with(draft -> {
            draft.creditChunks = chunks;
            draft.creditBytes = bytes;
        });
    }

    /**
     * The same with more or less time to commit.
     *
     * @param deadline 1 s to 1 h
     * @return the settings
     */
    public SubscriptionSettings withAckDeadline(Duration deadline) {
        return with(draft -> draft.ackDeadline = deadline);
    }

    /**
     * The same, giving up sooner or later.
     *
     * @param newPatience how long {@code read()} tries to reach the gateway
     * @return the settings
     */
    public SubscriptionSettings withPatience(Duration newPatience) {
        return with(draft -> draft.patience = newPatience);
    }

    /**
     * The same as a standby: it waits as long as another consumer holds the subscription.
     *
     * @return the settings
     */
    public SubscriptionSettings standingBy() {
        return with(draft -> draft.takeOver = false);
    }

    /**
     * The same for a reader that may start before its gateway: the first connection is tried with patience, too.
     *
     * @return the settings
     */
    public SubscriptionSettings awaitingGateway() {
        return with(draft -> draft.awaitGateway = true);
    }

    /**
     * The same with another answer to a change of the log.
     *
     * @param policy what follows it
     * @return the settings
     */
    public SubscriptionSettings withOnLogChange(OnLogChange policy) {
        return with(draft -> draft.onLogChange = policy);
    }

    /**
     * The same with other rules for rows that are nacked.
     *
     * @param deliveries 1 to 100 deliveries of a row, after which a {@link RowReader#nack} makes it a dead letter
     * @param delay 10 ms to 1 h until the second delivery; doubles with each
     * @return the settings
     */
    public SubscriptionSettings withNacks(int deliveries, Duration delay) {
        return with(draft -> {
            draft.maxDeliveries = deliveries;
            draft.firstDelay = delay;
        });
    }

    /**
     * The same with a listener.
     *
     * @param newListener is called in the reading thread
     * @return the settings
     */
    public SubscriptionSettings withListener(ReaderListener newListener) {
        return with(draft -> draft.listener = Optional.of(newListener));
    }

    /**
     * The same as one of several readers that share the subscription's rows. A row always belongs to the same shard; each shard
     * has its own position. All readers have the same count; {@code subscriptions reshard} changes it.
     *
     * @param index 0 to count - 1
     * @param count 1 to 128
     * @return the settings
     */
    public SubscriptionSettings shard(int index, int count) {
        return with(draft -> draft.shard = new Shard(index, count));
    }

    /**
     * The same with only the rows that meet all of these filters. A row that does not meet them any more comes as a
     * {@link Tombstone}: if rows and tombstones are applied, a table has exactly the rows that match. Another filter needs a
     * reader that starts at the beginning.
     *
     * @param filters each a text such as {@code country=KR,US} or {@code size>=5}, or JSON as the HTTP search takes it
     * @return the settings
     */
    public SubscriptionSettings where(String... filters) {
        return with(draft -> draft.where = List.of(filters));
    }

    /**
     * The same with another start than the beginning. It counts while there is no position: with {@link Checkpoint#CLIENT} in the
     * state, with {@link Checkpoint#GATEWAY} at the gateway.
     *
     * @param start the start
     * @return the settings
     */
    public SubscriptionSettings startAt(StartAt start) {
        return with(draft -> draft.startAt = Optional.of(start));
    }

    private SubscriptionSettings with(Consumer<Draft> change) {
        Draft draft = new Draft(this);
        change.accept(draft);
        return draft.settings();
    }

    private static void require(boolean holds, String otherwise) {
        if (!holds) {
            throw new IllegalArgumentException(otherwise);
        }
    }

    /** The same values, while one of them changes; their defaults. */
    private static final class Draft {

        private final String domain;
        private final String name;
        private Checkpoint checkpoint = Checkpoint.CLIENT;
        private boolean follow;
        private int chunkRows = 300;
        private int creditChunks = 16;
        private long creditBytes = 16 << 20;
        private Duration ackDeadline = Duration.ofMinutes(5);
        private Duration patience = Duration.ofMinutes(5);
        private boolean takeOver = true;
        private boolean awaitGateway;
        private OnLogChange onLogChange = OnLogChange.RESTART;
        private int maxDeliveries;
        private Duration firstDelay = Duration.ZERO;
        private Optional<ReaderListener> listener = Optional.empty();
        private Shard shard = Shard.WHOLE;
        private List<String> where = List.of();
        private Optional<StartAt> startAt = Optional.empty();

        Draft(String domain, String name) {
            this.domain = domain;
            this.name = name;
        }

        Draft(SubscriptionSettings from) {
            this(from.domain, from.name);
            checkpoint = from.checkpoint;
            follow = from.follow;
            chunkRows = from.chunkRows;
            creditChunks = from.creditChunks;
            creditBytes = from.creditBytes;
            ackDeadline = from.ackDeadline;
            patience = from.patience;
            takeOver = from.takeOver;
            awaitGateway = from.awaitGateway;
            onLogChange = from.onLogChange;
            maxDeliveries = from.maxDeliveries;
            firstDelay = from.firstDelay;
            listener = from.listener;
            shard = from.shard;
            where = from.where;
            startAt = from.startAt;
        }

        SubscriptionSettings settings() {
            return new SubscriptionSettings(
                    domain,
                    name,
                    checkpoint,
                    follow,
                    chunkRows,
                    creditChunks,
                    creditBytes,
                    ackDeadline,
                    patience,
                    takeOver,
                    awaitGateway,
                    onLogChange,
                    maxDeliveries,
                    firstDelay,
                    listener,
                    shard,
                    where,
                    startAt);
        }
    }
}
