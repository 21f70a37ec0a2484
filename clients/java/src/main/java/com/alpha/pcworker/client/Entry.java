package com.alpha.pcworker.client;

/** What stands at one position of a domain's log: a {@link Row} as it is now, or the {@link Tombstone} of one that is gone. */
public sealed interface Entry permits Row, Tombstone {

    /** The place in the log; rises from entry to entry. Whoever stored this entry has everything up to here. */
    long position();

    /** The row's UUID, lower case. */
    String id();
}
