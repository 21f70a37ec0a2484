package com.alpha.pcworker.client;

/**
 * A read that did not succeed; which subclass says what to do about it.
 *
 * <pre>
 * GatewayException
 * ├── GatewayUnavailableException  the gateway or its database is away: try again later from the saved state
 * ├── TruncatedStreamException     the stream ended before all rows came: open again from the saved state
 * ├── RequestRefusedException      the request is wrong and stays wrong: fix it, do not repeat it
 * ├── FencedException              another consumer has taken the subscription over: stop
 * ├── ReaderClosedException        close() was called, here or in another thread: stop
 * └── ContractBrokenException      a message violates the wire's contract: stop and report it
 * </pre>
 */
public abstract sealed class GatewayException extends RuntimeException
        permits GatewayUnavailableException,
                TruncatedStreamException,
                RequestRefusedException,
                FencedException,
                ReaderClosedException,
                ContractBrokenException {

    private static final long serialVersionUID = 1L;

    GatewayException(String message, Throwable cause) {
        super(message, cause);
    }

    /** Whether the same reader may succeed later, opened again from its saved state. */
    public abstract boolean isRetryable();
}
