package com.alpha.pcworker.client;

/** The gateway, its database or the way to them is away: try again later from the saved state. */
public final class GatewayUnavailableException extends GatewayException {

    private static final long serialVersionUID = 1L;

    GatewayUnavailableException(String message, Throwable cause) {
        super(message, cause);
    }

    @Override
    public boolean isRetryable() {
        return true;
    }
}
