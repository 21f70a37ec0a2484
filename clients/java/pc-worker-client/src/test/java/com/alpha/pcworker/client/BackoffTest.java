package com.alpha.pcworker.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;

class BackoffTest {

    private static final Duration FIRST = Duration.ofMillis(100);
    private static final Duration LONGEST = Duration.ofMillis(1000);

    private static Backoff backoff(long seed) {
        RandomGenerator random = new SplittableRandom(seed);
        return new Backoff(FIRST, LONGEST, random);
    }

    @Test
    void waitsDoubleUpToTheLongestAndAreDrawnFromTheUpperHalf() {
        Backoff backoff = backoff(1);
        for (long bound : new long[] {100, 200, 400, 800, 1000, 1000}) {
            long wait = backoff.next().toMillis();
            assertTrue(bound / 2 <= wait && wait <= bound, () -> wait + " is not between " + bound / 2 + " and " + bound);
        }
    }

    @Test
    void afterAResetWaitsAreShortAgain() {
        Backoff backoff = backoff(2);
        for (int i = 0; i < 10; i++) {
            backoff.next();
        }

        backoff.reset();

        assertTrue(backoff.next().compareTo(FIRST) <= 0);
    }

    @Test
    void clientsDoNotComeBackInStep() {
        long distinct = new SplittableRandom(3).longs(50).map(seed -> backoff(seed).next().toMillis()).distinct().count();

        assertTrue(distinct > 10, () -> "only " + distinct + " different waits");
    }

    @Test
    void theSameRandomGivesTheSameWaits() {
        assertEquals(backoff(4).next(), backoff(4).next());
    }
}
