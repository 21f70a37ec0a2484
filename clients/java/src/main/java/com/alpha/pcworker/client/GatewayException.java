package com.alpha.pcworker.client;

/**
 * A read that did not succeed; which subclass says what to do about it.
 *
 * <pre>
 * GatewayException
 * ├── GatewayUnavailableException  the gateway or its database is away: try again later from the saved state
 * ├── TruncatedStreamException     the stream ended before all rows came: open again from the saved state
 * ├── RequestRefusedException      the request is wrong and stays wrong: mend it, do not repeat it
 * ├── FencedException              another consumer has taken the subscription over: stop
 * └── ContractBrokenException      what came is not what the wire's contract says: stop and tell someone
 * </pre>
 */
public abstract sealed class GatewayException extends RuntimeException
        permits GatewayUnavailableException,
                TruncatedStreamException,
                RequestRefusedException,
                FencedException,
                ContractBrokenException {

    private static final long serialVersionUID = 1L;

    GatewayException(String message, Throwable cause) {
        super(message, cause);
    }

    /** Whether the same reader may succeed later, opened again from its saved state. */
    public abstract boolean isRetryable();
}
