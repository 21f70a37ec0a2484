package com.alpha.pcworker.client;

import io.grpc.Status;

/** The gateway rejected the request (domain, position, token, …) and will reject it again until it is fixed. */
public final class RequestRefusedException extends GatewayException {

    private static final long serialVersionUID = 1L;

    private final Status.Code code;

    RequestRefusedException(String message, Status.Code code, Throwable cause) {
        super(message, cause);
        this.code = code;
    }

    /** The gateway's status code, for example {@code NOT_FOUND} or {@code UNAUTHENTICATED}. */
    public Status.Code code() {
        return code;
    }

    @Override
    public boolean isRetryable() {
        return false;
    }
}
