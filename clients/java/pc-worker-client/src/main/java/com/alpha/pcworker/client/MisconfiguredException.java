package com.alpha.pcworker.client;

/** Address, TLS or token of this side do not fit the gateway, and will not by waiting: correct the settings. */
public final class MisconfiguredException extends GatewayException {

    private static final long serialVersionUID = 1L;

    MisconfiguredException(String message, Throwable cause) {
        super(message, cause);
    }

    @Override
    public boolean isRetryable() {
        return false;
    }
}
