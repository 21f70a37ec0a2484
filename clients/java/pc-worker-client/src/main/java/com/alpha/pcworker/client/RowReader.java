package com.alpha.pcworker.client;

/**
 * A blocking, restartable reader of one domain, in the shape of Spring Batch's {@code ItemStreamReader}.
 *
 * <pre>{@code
 * reader.open(state);
 * for (Entry entry = reader.read(); entry != null; entry = reader.read()) {
 *     store(entry);
 *     if (batchIsFull()) {
 *         reader.update(state);
 *         commitRowsAndState();
 *         reader.committed();
 *     }
 * }
 * }</pre>
 *
 * <p>Every entry comes at least once, in log order; with rows and state in one transaction, exactly once in effect.
 * All methods throw {@link GatewayException} where the gateway is concerned. One thread uses a reader at a time; {@link #close}
 * may be called from any thread, at any time.
 */
public interface RowReader extends AutoCloseable {

    /**
     * Begin after the position that {@code state} holds, or where a new reader of this kind begins.
     *
     * @param state what {@link #update} stored before
     */
    void open(SavedState state);

    /**
     * Waits for the next entry and returns it; null at the end, when all of the log has been returned. Never null
     * because something broke.
     *
     * @return the entry, or null
     * @throws InterruptedException if this thread is interrupted while it waits; the reader stays usable
     */
    Entry read() throws InterruptedException;

    /**
     * How many entries {@link #read} returns without waiting: at 0 it is a good time to commit.
     *
     * @return the number of entries
     */
    int available();

    /**
     * Put the position of the last entry given into {@code state}; call it inside the transaction that stores the rows.
     *
     * @param state is stored in that transaction
     */
    void update(SavedState state);

    /**
     * This row cannot be stored: record that, so that reading can go on. It returns when the gateway has stored it; from then on
     * nothing can lose the row, and {@link #update} and {@link #committed} may pass it. The row comes again after a delay, with a
     * higher {@link Row#deliveryCount}, also to a reader of this subscription that is opened later. After the most deliveries
     * ({@link SubscriptionSettings#withNacks}) it is a dead letter, which operators see and can retry. If the row has changed or
     * was removed meanwhile, only that comes. Not for failures that concern every row, such as a database that does not answer:
     * throw then.
     *
     * @param row a row that {@link #read} has returned and that is not committed yet
     * @param reason for the operators; its first 500 characters count
     * @throws InterruptedException if this thread is interrupted while it waits; whether the row is recorded is not known then
     * @throws UnsupportedOperationException on the plain stream, and if the gateway is older than this call
     */
    void nack(Row row, String reason) throws InterruptedException;

    /** The transaction of the last {@link #update} is committed. */
    void committed();

    /**
     * Ends reading, in any thread: a {@link #read} that is waiting throws {@link ReaderClosedException} at once, and so do later
     * calls of {@link #read} and {@link #committed}. What was not committed is delivered again. Later calls change nothing. The
     * reader connects again only if it is opened again.
     */
    @Override
    void close();
}
