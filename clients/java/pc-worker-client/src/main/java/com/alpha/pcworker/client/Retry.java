package com.alpha.pcworker.client;

import com.alpha.pcworker.client.GatewayUnavailableException.Kind;
import java.time.Duration;
import java.util.SplittableRandom;

/** Decides after each failure of a subscription's call whether and when to retry. */
final class Retry {

    private static final Duration FIRST_WAIT = Duration.ofMillis(100);
    private static final Duration LONGEST_WAIT = Duration.ofSeconds(5);

    private final Backoff backoff = new Backoff(FIRST_WAIT, LONGEST_WAIT, new SplittableRandom());
    private final Gateway gateway;
    private final SubscriptionSettings settings;
    private final Events events;
    private boolean isFailing;
    private long failingSince; // of System.nanoTime(): the clock of the machine may be set meanwhile
    private int attempt;

    Retry(Gateway gateway, SubscriptionSettings settings, Events events) {
        this.gateway = gateway;
        this.settings = settings;
        this.events = events;
    }

    /** The gateway answered: reset the deadline and the waits. */
    void succeeded() {
        isFailing = false;
        attempt = 0;
        backoff.reset();
    }

    /** Returns the wait before the next call, and reports it; throws {@code failure} if there is none. */
    Duration waitAfter(GatewayException failure) {
        if (!(failure instanceof GatewayUnavailableException unavailable)) {
            throw failure;
        }
        if (unavailable.kind() == Kind.HELD && !settings.takeOver()) {
            isFailing = false; // the gateway works: a standby waits as long as the holder runs
            events.standingBy();
            return backoff.next();
        }
        if (isHopeless(unavailable) || isTooLong()) {
            throw failure;
        }
        Duration wait = backoff.next();
        events.retrying(++attempt, wait, failure);
        return wait;
    }

    // A first connection that is refused is more often a wrong address than a gateway that starts.
    private boolean isHopeless(GatewayUnavailableException failure) {
        return failure.kind() == Kind.UNREACHABLE && !gateway.wasConnected() && !settings.awaitGateway();
    }

    private boolean isTooLong() {
        long now = System.nanoTime();
        if (!isFailing) {
            isFailing = true;
            failingSince = now;
        }
        return Duration.ofNanos(now - failingSince).compareTo(settings.patience()) >= 0;
    }
}
