package com.alpha.pcworker.client;

import java.time.Duration;
import java.util.random.RandomGenerator;

/**
 * How long to wait before trying again: doubles from {@code first} to {@code longest}, and each wait is drawn between half
 * and all of that, so that clients that lost the same gateway do not come back in step.
 */
final class Backoff {

    private final Duration first;
    private final Duration longest;
    private final RandomGenerator random;
    private Duration bound;

    Backoff(Duration first, Duration longest, RandomGenerator random) {
        this.first = first;
        this.longest = longest;
        this.random = random;
        this.bound = first;
    }

    /** Returns the next wait. */
    Duration next() {
        long millis = bound.toMillis();
        Duration doubled = bound.multipliedBy(2);
        bound = doubled.compareTo(longest) < 0 ? doubled : longest;
        return Duration.ofMillis(random.nextLong(millis / 2, millis + 1));
    }

    /** Begin with short waits again. */
    void reset() {
        bound = first;
    }
}
