package com.alpha.pcworker.client;

import java.time.Duration;
import java.time.Instant;
import java.util.SplittableRandom;

/** Decides after each failure of a subscription's call whether it is tried again, and when. */
final class Retry {

    private static final Duration FIRST_WAIT = Duration.ofMillis(100);
    private static final Duration LONGEST_WAIT = Duration.ofSeconds(5);

    private final Backoff backoff = new Backoff(FIRST_WAIT, LONGEST_WAIT, new SplittableRandom());
    private final SubscriptionSettings settings;
    private Instant failingSince; // null while all is well

    Retry(SubscriptionSettings settings) {
        this.settings = settings;
    }

    /** The gateway answered: patience and waits begin anew. */
    void succeeded() {
        failingSince = null;
        backoff.reset();
    }

    /** Returns the wait before the next call, or throws {@code failure} if there is none. */
    Duration waitAfter(GatewayException failure) {
        if (!(failure instanceof GatewayUnavailableException unavailable)) {
            throw failure;
        }
        Instant now = Instant.now();
        if (unavailable.isHeld() && !settings.takeOver()) {
            failingSince = null; // the gateway is well: a standby waits as long as the holder lives
            return backoff.next();
        }
        if (failingSince == null) {
            failingSince = now;
        }
        if (Duration.between(failingSince, now).compareTo(settings.patience()) >= 0) {
            throw failure;
        }
        return backoff.next();
    }
}
