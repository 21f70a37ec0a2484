package com.alpha.pcworker.client;

import java.time.Instant;

/**
 * Where a reader starts that has no position yet.
 *
 * @param text as the gateway reads it
 */
public record StartAt(String text) {

    /**
     * With the first row.
     *
     * @return the start
     */
    public static StartAt beginning() {
        return new StartAt("beginning");
    }

    /**
     * With the first row that is committed from now on.
     *
     * @return the start
     */
    public static StartAt now() {
        return new StartAt("now");
    }

    /**
     * With the first row that was committed at or after a time.
     *
     * @param time the time
     * @return the start
     */
    public static StartAt time(Instant time) {
        return new StartAt(time.toString());
    }

    /**
     * With the first row after a position.
     *
     * @param position the position
     * @return the start
     */
    public static StartAt position(long position) {
        if (position < 0) {
            throw new IllegalArgumentException("position " + position + " is negative");
        }
        return new StartAt(Long.toString(position));
    }
}
