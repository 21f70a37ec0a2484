package com.alpha.pcworker.client;

import com.alpha.pcworker.client.BlockingCall.Event;
import io.grpc.Metadata;
import io.grpc.Status;

/** The one table from gRPC statuses to exceptions. */
final class Statuses {

    private static final Metadata.Key<String> ERROR = Metadata.Key.of("pcw-error", Metadata.ASCII_STRING_MARSHALLER);

    private Statuses() {}

    /** Returns the exception for a call that did not end with OK. */
    static GatewayException exception(Event<?> end) {
        Status status = end.status();
        Throwable cause = status.asException(end.trailers());
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
            case RESOURCE_EXHAUSTED -> new GatewayUnavailableException(text, cause, isHeld(end.trailers(), text));
            // A dying connection shows as any of the rest, INTERNAL and UNKNOWN included.
            default -> new GatewayUnavailableException(text, cause);
        };
    }

    // Gateways of the first version name the error in their text only.
    private static boolean isHeld(Metadata trailers, String text) {
        String error = trailers.get(ERROR);
        return error == null ? text.contains("held") : error.equals("lease_held");
    }
}
