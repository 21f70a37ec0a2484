package com.alpha.pcworker.client;

/** What came is not what the wire's contract says: retrying will not help, someone must look. */
public final class ContractBrokenException extends GatewayException {

    private static final long serialVersionUID = 1L;

    ContractBrokenException(String message) {
        this(message, null);
    }

    ContractBrokenException(String message, Throwable cause) {
        super(message, cause);
    }

    @Override
    public boolean isRetryable() {
        return false;
    }
}
