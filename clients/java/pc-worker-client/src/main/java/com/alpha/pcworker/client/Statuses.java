package com.alpha.pcworker.client;

import com.alpha.pcworker.client.BlockingCall.Event;
import com.alpha.pcworker.client.GatewayUnavailableException.Kind;
import io.grpc.Metadata;
import io.grpc.Status;
import java.util.List;

/** The one table from gRPC statuses to exceptions. */
final class Statuses {

    private static final Metadata.Key<String> ERROR = Metadata.Key.of("pcw-error", Metadata.ASCII_STRING_MARSHALLER);

    // What grpc-netty says if the other side closes a connection that had not begun.
    private static final List<String> CLOSED = List.of("Network closed", "ClosedChannelException", "Connection reset");

    private static final String DROPPED = "subscription_dropped";

    // What grpc-java itself says of a message over the client's limit.
    private static final String TOO_LARGE = "exceeds maximum size";

    private Statuses() {}

    /**
     * Returns the exception for a call that did not end with OK; {@code wasConnected} where there was a connection to this
     * gateway before, so that the settings must have been correct.
     */
    static GatewayException exception(Event<?> end, boolean wasConnected) {
        return end.isFromGateway() ? answered(end) : unreachable(end.status(), wasConnected);
    }

    private static GatewayException unreachable(Status status, boolean wasConnected) {
        Throwable cause = status.asException();
        String text = "no connection: " + (status.getCause() == null ? description(status) : Causes.root(status.getCause()));
        if (Causes.isTls(cause) && !wasConnected) {
            return new MisconfiguredException(
                    text + ": check the address, whether the gateway uses TLS or asks for a client certificate, the authority and"
                            + " the names in its certificate",
                    cause);
        }
        boolean isRefusedProtocol = CLOSED.stream().anyMatch(text::contains) && !wasConnected;
        String hint = isRefusedProtocol
                ? ": the other side ended it before HTTP/2 began; does the gateway use TLS? does it ask for a client certificate?"
                : "";
        return new GatewayUnavailableException(text + hint, cause, Kind.UNREACHABLE);
    }

    private static GatewayException answered(Event<?> end) {
        Status status = end.status();
        Throwable cause = status.asException(end.trailers());
        String text = text(status);
        return switch (status.getCode()) {
            case INVALID_ARGUMENT,
                    NOT_FOUND,
                    ALREADY_EXISTS,
                    FAILED_PRECONDITION,
                    OUT_OF_RANGE,
                    UNIMPLEMENTED,
                    PERMISSION_DENIED,
                    UNAUTHENTICATED -> new RequestRefusedException(text, status.getCode(), error(end), cause);
            case ABORTED -> error(end).equals(DROPPED)
                    ? new SubscriptionDroppedException(text, cause)
                    : new FencedException(text, cause);
            case RESOURCE_EXHAUSTED -> exhausted(end, text, cause);
            // A lost connection can have any of the other codes, also INTERNAL and UNKNOWN.
            default -> new GatewayUnavailableException(text, cause);
        };
    }

    private static GatewayException exhausted(Event<?> end, String text, Throwable cause) {
        if (text.contains(TOO_LARGE) && error(end).isEmpty()) { // it would come again
            return new ContractBrokenException(
                    "the other side sends a message over this client's limit, which no gateway does: check the address, or set"
                            + " withMaxMessageBytes: " + text,
                    cause);
        }
        return new GatewayUnavailableException(text, cause, isHeld(error(end), text) ? Kind.HELD : Kind.AWAY);
    }

    private static String text(Status status) {
        String text = description(status);
        return status.getCause() == null ? text : text + ": " + Causes.root(status.getCause());
    }

    // grpc-netty adds lines about its pipeline.
    private static String description(Status status) {
        String text = status.getDescription();
        return text == null ? status.getCode().name() : text.lines().findFirst().orElse(status.getCode().name());
    }

    private static String error(Event<?> end) {
        String error = end.trailers().get(ERROR);
        return error == null ? "" : error;
    }

    // Gateways of the first version name the error in their text only.
    private static boolean isHeld(String error, String text) {
        return error.isEmpty() ? text.contains("held") : error.equals("lease_held");
    }
}
