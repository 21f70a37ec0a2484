package com.alpha.pcworker.client;

/** The gateway, its database or the network between is away: try again later from the saved state. */
public final class GatewayUnavailableException extends GatewayException {

    private static final long serialVersionUID = 1L;

    private final boolean isHeld;

    GatewayUnavailableException(String message, Throwable cause) {
        this(message, cause, false);
    }

    GatewayUnavailableException(String message, Throwable cause, boolean isHeld) {
        super(message, cause);
        this.isHeld = isHeld;
    }

    @Override
    public boolean isRetryable() {
        return true;
    }

    /** Whether the gateway is there, but another consumer holds the subscription. */
    boolean isHeld() {
        return isHeld;
    }
}
