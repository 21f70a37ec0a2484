package com.alpha.pcworker.client;

import java.time.Duration;

/**
 * Is called on the events of a subscription's reader, in the reading thread; the same events are logged to the
 * {@link System.Logger} {@code com.alpha.pcworker.client}. What a method throws is logged and changes nothing.
 */
public interface ReaderListener {

    /**
     * Whose event it is.
     *
     * @param address the gateway
     * @param domain the domain
     * @param subscription the subscription's name
     */
    record Source(String address, String domain, String subscription) {

        @Override
        public String toString() {
            return "subscription %s of %s (gateway %s)".formatted(subscription, domain, address);
        }
    }

    /**
     * The subscription is open.
     *
     * @param source whose event it is
     * @param position rows come from after this position
     */
    default void connected(Source source, long position) {}

    /**
     * The call has ended, and not by this side.
     *
     * @param source whose event it is
     * @param cause why
     */
    default void lost(Source source, GatewayException cause) {}

    /**
     * The gateway will be tried again.
     *
     * @param source whose event it is
     * @param attempt 1 for the first try after the last success
     * @param wait the time until then
     * @param cause why the last try failed
     */
    default void retrying(Source source, int attempt, Duration wait, GatewayException cause) {}

    /**
     * Another consumer holds the subscription, and this one waits; once for each wait.
     *
     * @param source whose event it is
     */
    default void standingBy(Source source) {}

    /**
     * Another consumer has taken the subscription over; reading ends.
     *
     * @param source whose event it is
     * @param cause the exception that {@code read()} throws
     */
    default void fenced(Source source, FencedException cause) {}

    /**
     * The subscription was removed; reading ends.
     *
     * @param source whose event it is
     * @param cause the exception that {@code read()} throws
     */
    default void dropped(Source source, SubscriptionDroppedException cause) {}

    /**
     * The domain has another log; the settings say what follows.
     *
     * @param source whose event it is
     * @param change what changed
     */
    default void logChanged(Source source, LogChange change) {}
}
