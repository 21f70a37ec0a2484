package com.alpha.pcworker.client;

/** Another consumer reads this subscription: this one must stop, or the two would take rows from each other. */
public final class FencedException extends GatewayException {

    private static final long serialVersionUID = 1L;

    FencedException(String message, Throwable cause) {
        super(message, cause);
    }

    @Override
    public boolean isRetryable() {
        return false;
    }
}
