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
