package com.alpha.pcworker.client;

/**
 * A read that did not succeed; which subclass says what to do about it.
 *
 * <pre>
 * GatewayException
 * ├── GatewayUnavailableException   the gateway or its database is unavailable: try again later from the saved state
 * ├── TruncatedStreamException      the stream ended before all promised rows: open again from the saved state
 * ├── MisconfiguredException        address, TLS or token do not fit: correct the settings
 * ├── RequestRefusedException       the request is wrong and stays wrong: fix it, do not repeat it
 * ├── FencedException               another consumer has taken the subscription over: stop
 * ├── SubscriptionDroppedException  the subscription was removed while it was read, or since: stop and ask why
 * ├── ReaderClosedException         close() was called, here or in another thread: stop
 * ├── LogChangedException           the domain has another log, and the settings say to stop
 * └── ContractBrokenException       a message violates the wire's contract: stop and report it
 * </pre>
 */
public abstract sealed class GatewayException extends RuntimeException
        permits GatewayUnavailableException,
                TruncatedStreamException,
                MisconfiguredException,
                RequestRefusedException,
                FencedException,
                SubscriptionDroppedException,
                ReaderClosedException,
                LogChangedException,
                ContractBrokenException {

    private static final long serialVersionUID = 1L;

    /** The gateway, for the message. */
    private String address = "";

    GatewayException(String message, Throwable cause) {
        super(message, cause);
    }

    /** Name the gateway in the message. */
    final GatewayException at(String newAddress) {
        address = newAddress;
        return this;
    }

    /** Returns the message without the gateway's address. */
    String plainMessage() {
        return super.getMessage();
    }

    @Override
    public String getMessage() {
        return address.isEmpty() ? plainMessage() : "%s (gateway %s)".formatted(plainMessage(), address);
    }

    /**
     * Whether the same reader may succeed later, opened again from its saved state.
     *
     * @return true if waiting may help
     */
    public abstract boolean isRetryable();
}
