package com.alpha.pcworker.client;

import io.grpc.Metadata;
import io.grpc.Status;

/** The one table from gRPC statuses to exceptions. */
final class Statuses {

    private Statuses() {}

    /** Returns the exception for a call that did not end with OK. */
    static GatewayException exception(Status status, Metadata trailers) {
        Throwable cause = status.asException(trailers);
        String text = status.getDescription() == null ? status.getCode().name() : status.getDescription();
        return switch (status.getCode()) {
            case INVALID_ARGUMENT,
                    NOT_FOUND,
                    ALREADY_EXISTS,
                    FAILED_PRECONDITION,
                    OUT_OF_RANGE,
                    UNIMPLEMENTED,
                    PERMISSION_DENIED,
                    UNAUTHENTICATED -> new RequestRefusedException(text, status.getCode(), cause);
            case ABORTED -> new FencedException(text, cause);
            // A dying connection shows as any of the rest, INTERNAL and UNKNOWN included.
            default -> new GatewayUnavailableException(text, cause);
        };
    }
}
