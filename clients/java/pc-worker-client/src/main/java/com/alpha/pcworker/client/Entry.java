package com.alpha.pcworker.client;

/** The entry at one position of a domain's log: a current {@link Row}, or the {@link Tombstone} of a removed one. */
public sealed interface Entry permits Row, Tombstone {

    /**
     * The position in the log; rises from entry to entry, except for rows that come again after a {@link RowReader#nack}. A client
     * that stored this entry has everything up to here, but for rows that it nacked.
     *
     * @return the position
     */
    long position();

    /**
     * The row's UUID, lower case.
     *
     * @return the UUID
     */
    String id();
}
