package com.alpha.pcworker.client;

/** The reader or its {@link Gateway} was closed, by this thread or another: stop reading. Uncommitted entries are sent again. */
public final class ReaderClosedException extends GatewayException {

    private static final long serialVersionUID = 1L;

    ReaderClosedException(String message) {
        super(message, null);
    }

    @Override
    public boolean isRetryable() {
        return false;
    }
}
