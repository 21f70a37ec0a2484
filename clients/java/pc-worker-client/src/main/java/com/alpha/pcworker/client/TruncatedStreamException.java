package com.alpha.pcworker.client;

/** The stream ended without an error, but before all promised rows: open again from the saved state. */
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
