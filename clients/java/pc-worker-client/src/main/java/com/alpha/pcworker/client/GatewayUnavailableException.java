package com.alpha.pcworker.client;

/** The gateway, its database or the network between is unavailable: try again later from the saved state. */
public final class GatewayUnavailableException extends GatewayException {

    private static final long serialVersionUID = 1L;

    /** What the client distinguishes. */
    enum Kind {
        /** The gateway answered, or the connection to it was lost. */
        AWAY,
        /** There was no connection. */
        UNREACHABLE,
        /** The gateway is there, but another consumer holds the subscription. */
        HELD
    }

    /** What is away. */
    private final Kind kind;

    GatewayUnavailableException(String message, Throwable cause) {
        this(message, cause, Kind.AWAY);
    }

    GatewayUnavailableException(String message, Throwable cause, Kind kind) {
        super(message, cause);
        this.kind = kind;
    }

    @Override
    public boolean isRetryable() {
        return true;
    }

    Kind kind() {
        return kind;
    }
}
