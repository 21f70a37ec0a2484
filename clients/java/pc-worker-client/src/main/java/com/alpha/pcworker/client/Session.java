package com.alpha.pcworker.client;

/**
 * What a reader does between {@link RowReader#open} and its end. One thread reads; {@link #close} and {@link #abort} may come
 * from any thread, and end a {@link #read} that is waiting.
 */
interface Session {

    Entry read() throws InterruptedException;

    int available();

    void nack(Row row, String reason) throws InterruptedException;

    void update(SavedState state);

    void committed();

    /** End in good order: wait briefly until the gateway has stored what was acknowledged. Later calls change nothing. */
    void close();

    /** End at once, because the gateway object is closed. */
    void abort();
}
