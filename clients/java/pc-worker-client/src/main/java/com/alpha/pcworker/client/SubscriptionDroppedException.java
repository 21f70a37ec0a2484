package com.alpha.pcworker.client;

/**
 * The subscription was removed ({@code subscriptions drop}, or because it was not used for long), and with it the
 * gateway's position. Never retried. An operator who drops a subscription wants its reader to end. Opened again, the reader
 * starts a new subscription: after the position in its state ({@code CLIENT}), or at the start of the log ({@code GATEWAY}).
 */
public final class SubscriptionDroppedException extends GatewayException {

    private static final long serialVersionUID = 1L;

    SubscriptionDroppedException(String message, Throwable cause) {
        super(message, cause);
    }

    @Override
    public boolean isRetryable() {
        return false;
    }
}
