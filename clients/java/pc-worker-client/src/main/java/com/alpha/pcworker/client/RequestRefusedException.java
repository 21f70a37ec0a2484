package com.alpha.pcworker.client;

import io.grpc.Status;

/** The gateway rejected the request (domain, position, token, …) and will reject it again until it is fixed. */
public final class RequestRefusedException extends GatewayException {

    private static final long serialVersionUID = 1L;

    /** The status. */
    private final Status.Code code;
    /** The error within the status. */
    private final String error;

    RequestRefusedException(String message, Status.Code code, String error, Throwable cause) {
        super(message, cause);
        this.code = code;
        this.error = error;
    }

    /** Whether the position to start after is beyond the log's end. */
    boolean isBeyondHead() {
        return error.equals("beyond_head");
    }

    /**
     * The gateway's status code, for example {@code NOT_FOUND} or {@code UNAUTHENTICATED}.
     *
     * @return the code
     */
    public Status.Code code() {
        return code;
    }

    @Override
    public boolean isRetryable() {
        return false;
    }
}
