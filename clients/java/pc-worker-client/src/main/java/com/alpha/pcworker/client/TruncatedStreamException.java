package com.alpha.pcworker.client;

/** The stream ended in peace, but before all promised rows came: open again from the saved state. */
public final class TruncatedStreamException extends GatewayException {

    private static final long serialVersionUID = 1L;

    TruncatedStreamException(String message) {
        super(message, null);
    }

    @Override
    public boolean isRetryable() {
        return true;
    }
}
